"""Brightness, contrast and saturation of a sample as one affine map of its colors."""

from typing import Any

import numpy as np
from keras import ops

from .operations import Drawn

__all__ = ["AFFINE", "apply_color_map", "color_map"]

AFFINE = ("brightness", "color", "contrast")

_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R 601, as in Pillow


def color_map(drawn: Drawn, images: Any) -> tuple[Any, Any]:
    """The map `x -> x A + b` that does all affine color operations of a sample in their order.

        brightness  f x;    contrast  f x + (1 - f) mean(gray(x));    color  f x + (1 - f) gray(x)

    What leaves the range between two operations is not clipped; after the last it is. Images that
    are not of 3 channels have no saturation: `color` leaves them.

    Args:
        drawn: the operations.
        images: float32 `(batch, height, width, channels)`.

    Returns:
        A `(batch, channels, channels)` and b `(batch, 1, channels)`.
    """
    channels = images.shape[-1]
    gray = _gray(channels)
    mean = ops.mean(images, axis=(1, 2))[:, None]
    matrix, offset = ops.eye(channels)[None], ops.zeros_like(mean)
    scale = (drawn.factor("brightness") * drawn.factor("contrast"))[..., None, None]
    to_mean = (1.0 - drawn.factor("contrast"))[..., None, None]
    for k in range(drawn.choice.shape[1]):
        step = scale[:, k] * _saturation(drawn.factor("color")[:, k, None, None], gray)
        level = (mean @ matrix + offset) @ gray[:, None]
        matrix, offset = matrix @ step, offset @ step + to_mean[:, k] * level
    return matrix, offset


def _gray(channels: int) -> Any:
    """What each channel contributes to the gray of a pixel."""
    weights = _LUMA if channels == 3 else np.full(channels, 1 / channels)
    return ops.convert_to_tensor(weights, dtype="float32")


def _saturation(factor: Any, gray: Any) -> Any:
    """The matrix that moves a color (a row vector) to or from its gray."""
    channels = gray.shape[0]
    if channels != 3:
        return ops.eye(channels)[None]
    return factor * ops.eye(channels) + (1.0 - factor) * gray[:, None]


def apply_color_map(images: Any, matrix: Any, offset: Any) -> Any:
    """`x A + b` for each pixel, clipped to [0, 255]."""
    shape = ops.shape(images)
    pixels = ops.reshape(images, (shape[0], shape[1] * shape[2], shape[3]))
    return ops.reshape(ops.clip(pixels @ matrix + offset, 0.0, 255.0), shape)
