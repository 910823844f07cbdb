"""Operations on the values of single pixels: stretched, equalized, inverted, coarser."""

from typing import Any

from keras import ops

from .operations import Drawn

__all__ = ["auto_contrast", "equalize", "posterize", "posterize_step", "solarize"]
__all__ += ["solarize_threshold"]

_LEVELS = 256


def auto_contrast(images: Any) -> Any:
    """Stretches each channel of each image to [0, 255]; one that is constant stays."""
    low = ops.min(images, axis=(1, 2), keepdims=True)
    span = ops.max(images, axis=(1, 2), keepdims=True) - low
    scale = ops.where(span > 0, 255.0 / ops.maximum(span, 1e-6), 1.0)
    return (images - ops.where(span > 0, low, 0.0)) * scale


def equalize(images: Any) -> Any:
    """Makes all 256 levels of each channel of each image equally frequent, as Pillow does.

    One histogram and one look-up table a channel; values are rounded to whole levels.
    """
    shape = ops.shape(images)
    channel = ops.reshape(ops.arange(shape[0] * shape[3], dtype="int32"), (-1, 1, 1, shape[3]))
    index = ops.cast(ops.round(images), "int32") + _LEVELS * channel
    index = ops.reshape(index, (-1,))
    counts = ops.segment_sum(ops.ones_like(index), index, shape[0] * shape[3] * _LEVELS)
    tables = _equalizing(ops.reshape(counts, (-1, _LEVELS)))
    return ops.reshape(ops.take(ops.reshape(tables, (-1,)), index), shape)


def _equalizing(counts: Any) -> Any:
    """From histograms `(n, 256)`, int32, to look-up tables `(n, 256)`, float32."""
    levels = ops.arange(_LEVELS, dtype="int32")[None]
    highest = ops.max(ops.where(counts > 0, levels, 0), axis=1, keepdims=True)
    in_highest = ops.sum(ops.where(ops.equal(levels, highest), counts, 0), axis=1, keepdims=True)
    step = (ops.sum(counts, axis=1, keepdims=True) - in_highest) // (_LEVELS - 1)
    below = ops.cumsum(counts, axis=1) - counts
    table = ops.minimum((below + step // 2) // ops.maximum(step, 1), _LEVELS - 1)
    return ops.cast(ops.where(step > 0, table, levels), "float32")


def solarize_threshold(drawn: Drawn) -> Any:
    """The level from which each operation inverts, `(batch, operations)`; 256 for all others."""
    return ops.where(drawn.is_("solarize"), 255.0 * (1.0 - drawn.strength), 256.0)


def solarize(images: Any, threshold: Any) -> Any:
    """Inverts the values from a threshold on, operation after operation."""
    for k in range(threshold.shape[1]):
        images = ops.where(images >= threshold[:, k, None, None, None], 255.0 - images, images)
    return images


def posterize_step(drawn: Drawn) -> Any:
    """The distance of the levels that are left, `(batch,)`: 2 to the number of bits removed."""
    bits = ops.round(drawn.ranges.posterize * drawn.unsigned("posterize"))
    return 2.0 ** ops.max(bits, axis=1)


def posterize(images: Any, step: Any) -> Any:
    """Rounds values down to multiples of `step`, whole levels at least."""
    step = step[:, None, None, None]
    return step * ops.floor(images / step)
