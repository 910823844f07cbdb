"""`resnet1d`: a residual network for series."""

from typing import Any

import keras

from ..regularization import Regularization
from .architecture import SERIES
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, MAPS, RESIDUAL, Norm, Wiring


@register_model(
    "resnet1d",
    supports=(*KERNELS, *ACTIVATIONS, *MAPS, *RESIDUAL),
    presets=SERIES,
    # With 10 or 33 samples per class, smoothed labels helped no more than nothing (docs/suite.md).
    other_presets={
        "scarce": {
            "light": Regularization(weight_decay=0.01),
            "medium": Regularization(weight_decay=0.01, dropout=0.2),
        }
    },
    ranks=(2,),
    reference="Wang, Yan & Oates, Time Series Classification from Scratch, 2017, "
    "https://arxiv.org/abs/1611.06455",
)
def resnet1d(
    inputs, num_classes, wiring: Wiring, *, width=32, blocks=3, kernel_size=5, norm: Norm = "batch"
):
    """A stem, `blocks` residual blocks `x <- relu(x + conv norm relu conv norm)`, mean, logits."""
    x = _conv_norm(wiring.noise(inputs), width, kernel_size, wiring, norm)
    x = wiring.relu(x)
    for rate in wiring.depth_rates(blocks):
        branch = wiring.relu(_conv_norm(x, width, kernel_size, wiring, norm))
        branch = _conv_norm(branch, width, kernel_size, wiring, norm)
        x = wiring.drop_maps(wiring.relu(wiring.add(x, branch, rate)))
    x = keras.layers.GlobalAveragePooling1D()(x)
    return wiring.head(wiring.dropout(x), num_classes)


def _conv_norm(x, filters: int, kernel_size: int, wiring: Wiring, norm: Norm) -> Any:
    return wiring.norm(wiring.conv(x, filters, kernel_size, use_bias=False), norm)
