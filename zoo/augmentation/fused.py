"""`FusedAugmentation`: several image operations in few passes over the pixels."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from ...core.checks import check_number
from . import color
from .augmentation import Augmentation, as_type_of, bounds_of
from .draws import Draws
from .operations import AFFINE, GEOMETRIC, OPERATIONS, Drawn, Ranges


class FusedAugmentation(Augmentation):
    """Base class of the layers that apply random operations to images.

    The affine color operations of a sample are composed into one color map, and the geometric ones
    into one warp. The groups always run in this order, each group in the order of its draws:

        brightness, color, contrast; auto contrast; equalize; solarize; posterize; sharpness;
        shears, translations, rotation

    Two changes of sharpness are multiplied. A subclass defines `ranges` and `strengths`.
    """

    needs_channels_last = True
    num_ops = 1
    ranges: Ranges

    def __init__(self, value_range=(0, 255), fill=0.5, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        low, high = bounds_of(value_range)
        check_number("fill", fill, "[0, 1]")
        self.value_range = tuple(value_range)
        self.fill = fill
        self._low, self._scale = low, 255 / (high - low)

    def strengths(self, shape: Any, draws: Draws) -> Any:
        """Return a strength in [0, 1] for each drawn operation, `(batch, operations)`."""
        raise NotImplementedError(f"{type(self).__name__} defines no `strengths`.")

    def draw(self, count: Any, draws: Draws) -> Drawn:
        """Draw the operations of `count` samples."""
        shape = (count, self.num_ops)
        choice = ops.floor(draws.uniform(shape, 0.0, float(len(OPERATIONS))))
        sign = ops.where(draws.uniform(shape) < 0.5, -1.0, 1.0)
        return Drawn(ops.cast(choice, "int32"), self.strengths(shape, draws), sign, self.ranges)

    def augment(self, inputs, draws):
        self.check_rank(inputs, 4)
        drawn = self.draw(ops.shape(inputs)[0], draws)
        levels = (ops.cast(inputs, "float32") - self._low) * self._scale
        levels = ops.clip(levels, 0.0, 255.0)  # the range of a lookup table
        levels = operate(levels, drawn, 255 * self.fill)
        return as_type_of(levels / self._scale + self._low, inputs)

    def get_config(self):
        return {**super().get_config(), "value_range": self.value_range, "fill": self.fill}


def operate(levels: Any, drawn: Drawn, fill: float) -> Any:
    """Apply the drawn operations to images of float32 levels in [0, 255]."""
    height, width = ops.shape(levels)[1:3]
    color_map = color.color_map(drawn, levels)
    matrices = transform(drawn, height, width)
    threshold = ops.where(drawn.is_("solarize"), 255.0 * (1.0 - drawn.strength), 256.0)
    removed = ops.where(drawn.is_("posterize"), drawn.ranges.posterize * drawn.strength, 0.0)
    bits = ops.max(ops.round(removed), axis=1)
    sharpness = ops.prod(drawn.factor("sharpness"), axis=1)
    x = on_rows(color.apply_color_map, drawn.any_of(*AFFINE), levels, *color_map)
    x = on_rows(color.auto_contrast, drawn.any_of("auto_contrast"), x)
    x = on_rows(color.equalize, drawn.any_of("equalize"), x)
    x = on_rows(color.solarize, drawn.any_of("solarize"), x, threshold)
    x = on_rows(color.posterize, drawn.any_of("posterize"), x, bits)
    x = on_rows(color.sharpen, drawn.any_of("sharpness"), x, sharpness)
    return on_rows(lambda a, b: warp(a, b, fill), drawn.any_of(*GEOMETRIC), x, matrices)


def on_rows(function: Callable, mask: Any, images: Any, *parameters: Any) -> Any:
    """Replace the images where `mask` is true by `function(images, *parameters)`.

    On TensorFlow, only these images are computed. JAX needs to know shapes at compile time: there,
    all images are computed, and the others discarded.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.where(mask[:, None, None, None], function(images, *parameters), images)
    import tensorflow as tf

    rows = tf.where(mask)

    def changed():
        chosen = (tf.gather(tensor, rows[:, 0]) for tensor in (images, *parameters))
        return tf.tensor_scatter_nd_update(images, rows, function(*chosen))

    # Several operations of Keras fail for an empty batch.
    return tf.cond(tf.shape(rows)[0] > 0, changed, lambda: tf.identity(images))


def transform(drawn: Drawn, height: Any, width: Any) -> Any:
    """Return the matrix `C M_1 M_2 ... C^-1` of each sample, `(batch, 3, 3)`.

    It maps a pixel `(x, y, 1)` of the result to the position in the image from which it is read.
    M_k is the matrix of the k-th operation, and C moves the origin to the center of the image.
    """
    ranges = drawn.ranges
    angle = math.radians(ranges.rotate) * drawn.signed("rotate")
    cos, sin = ops.cos(angle), ops.sin(angle)
    shear_x, shear_y = (ranges.shear * drawn.signed(f"shear_{axis}") for axis in "xy")
    shift_x = ranges.shift(width) * drawn.signed("translate_x")
    shift_y = ranges.shift(height) * drawn.signed("translate_y")
    zero, one = ops.zeros_like(angle), ops.ones_like(angle)
    # Each matrix belongs to one operation: the terms of the others are 0.
    rows = [[cos, shear_x - sin, shift_x], [shear_y + sin, cos, shift_y], [zero, zero, one]]
    steps: Any = ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)
    product = steps[:, 0]
    for k in range(1, steps.shape[1]):
        product = product @ steps[:, k]
    return _around_center(product, height, width)


def _around_center(matrices: Any, height: Any, width: Any) -> Any:
    x, y = ((ops.cast(side, "float32") - 1.0) / 2.0 for side in (width, height))
    center = ops.stack([x, y, ops.zeros_like(x)])
    last = matrices[..., 2] + center - ops.squeeze(matrices[..., :2] @ center[:2, None], -1)
    return ops.concatenate([matrices[..., :2], last[..., None]], axis=-1)


def warp(images: Any, matrices: Any, fill: float) -> Any:
    """Read each image at the positions of its matrix, bilinearly, with `fill` outside."""
    return ops.image.affine_transform(
        images,
        ops.reshape(matrices, (-1, 9))[:, :8],
        interpolation="bilinear",
        fill_mode="constant",
        fill_value=fill,
        data_format="channels_last",
    )
