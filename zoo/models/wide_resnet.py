"""`wide_resnet16_4`, `wide_resnet28_10`: few, wide residual blocks with dropout inside."""

from typing import Any

import keras

from ..regularization import Regularization
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, MAPS, RESIDUAL, Norm, Wiring

_ABOUT: dict[str, Any] = {
    "supports": (*KERNELS, *ACTIVATIONS, *MAPS, *RESIDUAL),
    "presets": {
        "light": Regularization(augmentation="light"),
        "medium": Regularization(label_smoothing=0.1, dropout=0.1, augmentation="light"),
        "strong": Regularization(
            label_smoothing=0.1, dropout=0.3, mixup=0.2, augmentation="medium"
        ),
    },
    "ranks": (3,),
    "reference": "Zagoruyko & Komodakis, Wide Residual Networks, 2016, "
    "https://arxiv.org/abs/1605.07146",
}


@register_model("wide_resnet16_4", **_ABOUT)
def wide_resnet16_4(inputs, num_classes, wiring: Wiring, *, width=16, norm: Norm = "batch"):
    """16 layers, 4 times as wide: 2.7 M parameters for `(32, 32, 3)` and 10 classes."""
    return _wide_resnet(inputs, num_classes, wiring, blocks=2, factor=4, width=width, norm=norm)


@register_model("wide_resnet28_10", **_ABOUT)
def wide_resnet28_10(inputs, num_classes, wiring: Wiring, *, width=16, norm: Norm = "batch"):
    """28 layers, 10 times as wide: 36.5 M parameters."""
    return _wide_resnet(inputs, num_classes, wiring, blocks=4, factor=10, width=width, norm=norm)


def _wide_resnet(
    inputs, num_classes, wiring: Wiring, *, blocks: int, factor: int, width: int, norm: Norm
) -> Any:
    """A stem of `width` filters, three stages of `blocks` blocks, the logits.

    The stages have 1, 2 and 4 times `factor * width` filters.
    """
    x = _conv(wiring.noise(inputs), width, 3, 1, wiring)
    rates = wiring.depth_rates(3 * blocks)
    for stage in range(3):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _block(x, factor * width * 2**stage, stride, next(rates), wiring, norm)
    x = wiring.relu(wiring.norm(x, norm))
    return wiring.head(keras.layers.GlobalAveragePooling2D()(x), num_classes)


def _block(x, filters: int, stride: int, rate: float, wiring: Wiring, norm: Norm) -> Any:
    """Add `conv(dropout(relu(norm(conv(relu(norm(x)))))))` to `x`, projected if shapes differ."""
    before = wiring.relu(wiring.norm(x, norm))
    branch = wiring.relu(wiring.norm(_conv(before, filters, 3, stride, wiring), norm))
    branch = _conv(wiring.drop_maps(wiring.dropout(branch)), filters, 3, 1, wiring)
    if stride > 1 or x.shape[-1] != filters:
        x = _conv(before, filters, 1, stride, wiring)
    return wiring.add(x, branch, rate)


def _conv(x, filters: int, size: int, stride: int, wiring: Wiring) -> Any:
    return wiring.conv(x, filters, size, strides=stride, use_bias=False)
