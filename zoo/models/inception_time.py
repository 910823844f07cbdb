"""`inception_time`: an Inception network for series."""

from typing import Any

import keras

from ...core.checks import check_integer, message
from .architecture import SERIES
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, MAPS, RESIDUAL, Norm, Wiring


@register_model(
    "inception_time",
    supports=(*KERNELS, *ACTIVATIONS, *MAPS, *RESIDUAL),
    presets=SERIES,
    ranks=(2,),
    reference="Ismail Fawaz et al., InceptionTime: Finding AlexNet for Time Series "
    "Classification, 2020, https://doi.org/10.1007/s10618-020-00710-y",
)
def inception_time(
    inputs,
    num_classes,
    wiring: Wiring,
    *,
    width=32,
    blocks=2,
    kernel_sizes=(40, 20, 10),
    bottleneck=32,
    norm: Norm = "batch",
):
    """Residual blocks of three Inception modules each, mean, logits.

    A block is `x <- relu(norm conv1 x + modules x)`. The two blocks are the paper's depth of 6.
    421,482 trainable parameters for series of one channel and 10 classes, at any length. This is
    one network: the accuracies that the paper states for InceptionTime are those of an ensemble of
    five, which average their probabilities.
    """
    check_integer("blocks", blocks, minimum=1)
    if not isinstance(kernel_sizes, tuple | list):
        raise ValueError(message("kernel_sizes", kernel_sizes, "a tuple of lengths in steps"))
    x = wiring.noise(inputs)
    for rate in wiring.depth_rates(blocks):
        branch = x
        for _ in range(3):
            branch = _inception(branch, width, kernel_sizes, bottleneck, wiring)
            branch = wiring.relu(wiring.norm(branch, norm))
        shortcut = wiring.conv(x, branch.shape[-1], 1, use_bias=False)
        x = wiring.add(wiring.norm(shortcut, norm), branch, rate)
        x = wiring.drop_maps(wiring.relu(x))
    x = keras.layers.GlobalAveragePooling1D()(x)
    return wiring.head(wiring.dropout(x), num_classes)


def _inception(
    x, width: int, kernel_sizes: tuple[int, ...], bottleneck: int, wiring: Wiring
) -> Any:
    """Concatenate convolutions of several lengths over a bottleneck, and one over the maxima."""
    # As in the authors' code, a single channel has no bottleneck.
    narrow = wiring.conv(x, bottleneck, 1, use_bias=False) if x.shape[-1] > 1 else x
    maxima = keras.layers.MaxPooling1D(3, strides=1, padding="same")(x)
    branches = [wiring.conv(narrow, width, size, use_bias=False) for size in kernel_sizes]
    branches.append(wiring.conv(maxima, width, 1, use_bias=False))
    return keras.layers.Concatenate()(branches)
