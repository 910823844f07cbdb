"""`resnet20`, `resnet32`, `resnet56`, `resnet110`: residual networks for 32 x 32 images."""

from typing import Any

import keras
from keras import ops

from ..regularization import Regularization
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, MAPS, RESIDUAL, Norm, Wiring

_ABOUT: dict[str, Any] = {
    "supports": (*KERNELS, *ACTIVATIONS, *MAPS, *RESIDUAL),
    "presets": {
        "light": Regularization(augmentation="light"),
        "medium": Regularization(label_smoothing=0.1, mixup=0.2, augmentation="light"),
        "strong": Regularization(
            label_smoothing=0.1, mixup=0.2, augmentation="medium", stochastic_depth=0.1
        ),
    },
    "ranks": (3,),
    "reference": "He et al., Deep Residual Learning for Image Recognition, 2015, section 4.2, "
    "https://arxiv.org/abs/1512.03385",
}


@register_model("resnet20", **_ABOUT)
def resnet20(inputs, num_classes, wiring: Wiring, *, width=16, norm: Norm = "batch"):
    """20 layers, 0.27 M parameters for `(32, 32, 3)` and 10 classes."""
    return _resnet(inputs, num_classes, wiring, blocks=3, width=width, norm=norm)


@register_model("resnet32", **_ABOUT)
def resnet32(inputs, num_classes, wiring: Wiring, *, width=16, norm: Norm = "batch"):
    """32 layers, 0.46 M parameters."""
    return _resnet(inputs, num_classes, wiring, blocks=5, width=width, norm=norm)


@register_model("resnet56", **_ABOUT)
def resnet56(inputs, num_classes, wiring: Wiring, *, width=16, norm: Norm = "batch"):
    """56 layers, 0.85 M parameters."""
    return _resnet(inputs, num_classes, wiring, blocks=9, width=width, norm=norm)


@register_model("resnet110", **_ABOUT)
def resnet110(inputs, num_classes, wiring: Wiring, *, width=16, norm: Norm = "batch"):
    """110 layers, 1.7 M parameters: the network of the stochastic depth paper."""
    return _resnet(inputs, num_classes, wiring, blocks=18, width=width, norm=norm)


def _resnet(inputs, num_classes, wiring: Wiring, *, blocks: int, width: int, norm: Norm) -> Any:
    """A stem, three stages of `blocks` blocks with `width`, 2 and 4 times as many filters, logits.

    The first block of the second and third stage halves height and width. Its shortcut is
    subsampled and padded with zero channels (option A of the paper), so it has no parameters.
    """
    x = wiring.relu(_conv_norm(wiring.noise(inputs), width, 1, wiring, norm))
    rates = wiring.depth_rates(3 * blocks)
    for stage in range(3):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _block(x, width * 2**stage, stride, next(rates), wiring, norm)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return wiring.head(wiring.dropout(x), num_classes)


def _block(x, filters: int, stride: int, rate: float, wiring: Wiring, norm: Norm) -> Any:
    branch = wiring.relu(_conv_norm(x, filters, stride, wiring, norm))
    branch = _conv_norm(branch, filters, 1, wiring, norm)
    if stride > 1:
        x = ops.pad(x[:, ::stride, ::stride, :], ((0, 0), (0, 0), (0, 0), (0, filters // 2)))
    return wiring.drop_maps(wiring.relu(wiring.add(x, branch, rate)))


def _conv_norm(x, filters: int, stride: int, wiring: Wiring, norm: Norm) -> Any:
    return wiring.norm(wiring.conv(x, filters, 3, strides=stride, use_bias=False), norm)
