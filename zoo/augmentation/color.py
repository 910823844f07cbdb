"""Operations on pixel values, float32 in [0, 255], of images `(batch, height, width, channels)`."""

from typing import Any

import numpy as np
from keras import ops

from .operations import Drawn

_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R 601, as in Pillow
_LEVELS = 256
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], "float32") / 13  # Pillow's


def color_map(drawn: Drawn, images: Any) -> tuple[Any, Any]:
    """Compose the affine color operations of each sample, in their order, into one `x A + b`.

        brightness  f x;    contrast  f x + (1 - f) mean(gray(x));    color  f x + (1 - f) gray(x)

    Values are clipped after the last operation only. `color` changes only images of 3 channels.
    Returns A `(batch, channels, channels)` and b `(batch, 1, channels)`.
    """
    channels = images.shape[-1]
    luma = _LUMA if channels == 3 else np.full(channels, 1 / channels)
    gray: Any = ops.convert_to_tensor(luma, dtype="float32")
    mean = ops.mean(images, axis=(1, 2))[:, None]
    matrix, offset = ops.eye(channels)[None], ops.zeros_like(mean)
    scale = (drawn.factor("brightness") * drawn.factor("contrast"))[..., None, None]
    to_mean = (1.0 - drawn.factor("contrast"))[..., None, None]
    for k in range(drawn.choice.shape[1]):
        saturation = ops.eye(channels)[None]
        if channels == 3:
            factor = drawn.factor("color")[:, k, None, None]
            saturation = factor * saturation + (1.0 - factor) * gray[:, None]
        step = scale[:, k] * saturation
        level = (mean @ matrix + offset) @ gray[:, None]
        matrix, offset = matrix @ step, offset @ step + to_mean[:, k] * level
    return matrix, offset


def apply_color_map(images: Any, matrix: Any, offset: Any) -> Any:
    """Return `pixel @ matrix + offset` for each pixel, clipped to [0, 255]."""
    shape = ops.shape(images)
    pixels = ops.reshape(images, (shape[0], shape[1] * shape[2], shape[3]))
    return ops.reshape(ops.clip(pixels @ matrix + offset, 0.0, 255.0), shape)


def auto_contrast(images: Any) -> Any:
    """Stretch each channel of each image to [0, 255]. A constant channel is unchanged."""
    low = ops.min(images, axis=(1, 2), keepdims=True)
    span = ops.max(images, axis=(1, 2), keepdims=True) - low
    scale = ops.where(span > 0, 255.0 / ops.maximum(span, 1e-6), 1.0)
    return (images - ops.where(span > 0, low, 0.0)) * scale


def equalize(images: Any) -> Any:
    """Equalize the histogram of each channel of each image, as Pillow does, rounding to levels."""
    shape = ops.shape(images)
    channel = ops.reshape(ops.arange(shape[0] * shape[3], dtype="int32"), (-1, 1, 1, shape[3]))
    index = ops.cast(ops.round(images), "int32") + _LEVELS * channel
    index = ops.reshape(index, (-1,))
    counts = ops.segment_sum(ops.ones_like(index), index, shape[0] * shape[3] * _LEVELS)
    tables = _equalizing(ops.reshape(counts, (-1, _LEVELS)))
    return ops.reshape(ops.take(ops.reshape(tables, (-1,)), index), shape)


def _equalizing(counts: Any) -> Any:
    """The lookup tables, float32 `(n, 256)`, for histograms, int32 `(n, 256)`."""
    levels = ops.arange(_LEVELS, dtype="int32")[None]
    highest = ops.max(ops.where(counts > 0, levels, 0), axis=1, keepdims=True)
    in_highest = ops.sum(ops.where(ops.equal(levels, highest), counts, 0), axis=1, keepdims=True)
    step = (ops.sum(counts, axis=1, keepdims=True) - in_highest) // (_LEVELS - 1)
    below = ops.cumsum(counts, axis=1) - counts
    table = ops.minimum((below + step // 2) // ops.maximum(step, 1), _LEVELS - 1)
    return ops.cast(ops.where(step > 0, table, levels), "float32")


def solarize(images: Any, threshold: Any) -> Any:
    """Invert values >= threshold, for each threshold of `(batch, operations)` in turn."""
    for k in range(threshold.shape[1]):
        images = ops.where(images >= threshold[:, k, None, None, None], 255.0 - images, images)
    return images


def posterize(images: Any, bits: Any) -> Any:
    """Set the `bits` lowest bits, `(batch,)`, of each value to 0."""
    step = 2.0 ** bits[:, None, None, None]
    return step * ops.floor(images / step)


def sharpen(images: Any, factor: Any) -> Any:
    """Return `smooth(x) + factor (x - smooth(x))`, clipped to [0, 255], of all but border pixels.

    A factor of 0 smooths, 1 changes nothing, and more sharpens. Its shape is `(batch,)`.
    """
    channels = images.shape[-1]
    kernel = np.repeat(_SMOOTH[:, :, None, None], channels, axis=2)
    smooth = ops.depthwise_conv(images, kernel, padding="valid", data_format="channels_last")
    detail = (factor - 1.0)[:, None, None, None] * (images[:, 1:-1, 1:-1] - smooth)
    detail = ops.pad(detail, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return ops.clip(images + detail, 0.0, 255.0)
