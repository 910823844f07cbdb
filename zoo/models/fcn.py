"""`fcn`: a fully convolutional network for series."""

import keras

from .architecture import SERIES
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, MAPS, Norm, Wiring


@register_model(
    "fcn",
    supports=(*KERNELS, *ACTIVATIONS, *MAPS, "drop_connect", "dropout", "noise"),
    presets=SERIES,
    ranks=(2,),
    reference="Wang, Yan & Oates, Time Series Classification from Scratch, 2017, "
    "https://arxiv.org/abs/1611.06455",
)
def fcn(inputs, num_classes, wiring: Wiring, *, width=128, norm: Norm = "batch"):
    """Three blocks `x <- relu(norm(W * x + b))` of 1, 2 and 1 times `width` filters, mean, logits.

    265,994 trainable parameters for series of one channel and 10 classes, at any length.
    """
    x = wiring.noise(inputs)
    for filters, kernel_size in ((width, 8), (2 * width, 5), (width, 3)):
        x = wiring.norm(wiring.conv(x, filters, kernel_size), norm)
        x = wiring.drop_maps(wiring.relu(x))
    x = keras.layers.GlobalAveragePooling1D()(x)
    return wiring.head(wiring.dropout(x), num_classes)
