"""`cnn1d`: the convolutional network of MNIST-1D."""

import keras

from ..regularization import Regularization
from .architecture import SCARCE_SERIES
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, MAPS, Wiring


@register_model(
    "cnn1d",
    supports=(*KERNELS, *ACTIVATIONS, *MAPS, "drop_connect", "dropout", "noise"),
    presets={
        "light": Regularization(augmentation="light"),
        "medium": Regularization(noise=0.1, augmentation="light"),
        "strong": Regularization(noise=0.1, dropout=0.1, augmentation="medium"),
    },
    other_presets={"scarce": SCARCE_SERIES},
    ranks=(2,),
    min_size=6,
    reference="Greydanus & Kobak, Scaling Down Deep Learning with MNIST-1D, 2020, "
    "https://arxiv.org/abs/2011.14439",
)
def cnn1d(inputs, num_classes, wiring: Wiring, *, width=25):
    """Three convolutions of stride 2 with `relu`, then the logits.

    5,210 parameters for series of 40 steps and 10 classes.
    """
    x = wiring.noise(inputs)
    for kernel_size in (5, 3, 3):
        x = keras.layers.ZeroPadding1D(1)(x)
        x = wiring.conv(x, width, kernel_size, strides=2, padding="valid")
        x = wiring.drop_maps(wiring.relu(x))
    return wiring.head(wiring.dropout(keras.layers.Flatten()(x)), num_classes)
