"""`resnet20`: the residual network of 20 layers for 32x32 images."""

from typing import Any

import keras
from keras import ops

from ..regularization import Regularization
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, MAPS, Wiring

__all__ = ["resnet20"]

BLOCKS_PER_STAGE = 3  # n of the paper's 6n + 2 layers


@register_model(
    "resnet20",
    honours=(
        *(*KERNELS, *ACTIVATIONS, *MAPS),
        *("drop_connect", "dropout", "stochastic_depth", "noise"),
    ),
    presets={
        "light": Regularization(l2=1e-5),
        "medium": Regularization(l2=1e-4, label_smoothing=0.1, stochastic_depth=0.1),
        "strong": Regularization(
            l2=1e-4, label_smoothing=0.1, stochastic_depth=0.2, dropout=0.2, noise=0.1
        ),
    },
    ranks=(3,),
    reference="He et al., Deep Residual Learning for Image Recognition, 2015, section 4.2, "
    "https://arxiv.org/abs/1512.03385",
)
def resnet20(inputs: Any, num_classes: int, wiring: Wiring, *, width: int = 16):
    """A stem, three stages of three blocks with `width`, 2 and 4 times as many filters, logits.

    A stage after the first halves height and width in its first block, whose shortcut is
    subsampled and padded with zero channels (the paper's option A), so it has no parameters.
    0.27 M parameters for `(32, 32, 3)` and 10 classes.
    """
    x = wiring.relu(_conv_bn(wiring.noise(inputs), width, 1, wiring))
    rates = wiring.depth_rates(3 * BLOCKS_PER_STAGE)
    for stage in range(3):
        for block in range(BLOCKS_PER_STAGE):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _block(x, width * 2**stage, stride, next(rates), wiring)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return wiring.head(wiring.dropout(x), num_classes)


def _block(x: Any, filters: int, stride: int, rate: float, wiring: Wiring) -> Any:
    branch = wiring.relu(_conv_bn(x, filters, stride, wiring))
    branch = _conv_bn(branch, filters, 1, wiring)
    if stride > 1:
        x = ops.pad(x[:, ::stride, ::stride, :], ((0, 0), (0, 0), (0, 0), (0, filters // 2)))
    return wiring.drop_maps(wiring.relu(wiring.add(x, branch, rate)))


def _conv_bn(x: Any, filters: int, stride: int, wiring: Wiring) -> Any:
    x = wiring.conv(x, filters, 3, strides=stride, use_bias=False)
    return keras.layers.BatchNormalization()(x)
