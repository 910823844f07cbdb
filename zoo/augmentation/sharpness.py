"""Sharpness: away from, or to, a smoothed image."""

from typing import Any

import numpy as np
from keras import ops

from .operations import Drawn

__all__ = ["sharpen", "sharpness_factor"]

_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], "float32") / 13  # Pillow's


def sharpness_factor(drawn: Drawn) -> Any:
    """The factor of all sharpness operations of a sample, `(batch,)`."""
    return ops.prod(drawn.factor("sharpness"), axis=1)


def sharpen(images: Any, factor: Any) -> Any:
    """`smooth(x) + f (x - smooth(x))`, clipped to [0, 255]; the outermost pixels stay.

    Args:
        images: float32 `(batch, height, width, channels)`.
        factor: f, `(batch,)`; 0 smooths, 1 does nothing.
    """
    channels = images.shape[-1]
    kernel = np.repeat(_SMOOTH[:, :, None, None], channels, axis=2)
    smooth = ops.depthwise_conv(images, kernel, padding="valid", data_format="channels_last")
    detail = (factor - 1.0)[:, None, None, None] * (images[:, 1:-1, 1:-1] - smooth)
    detail = ops.pad(detail, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return ops.clip(images + detail, 0.0, 255.0)
