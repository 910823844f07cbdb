"""Geometric operations: all of a sample as one matrix and one warp."""

import math
from typing import Any

from keras import ops

from .operations import Drawn

GEOMETRIC = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")


def transform(drawn: Drawn, height: Any, width: Any) -> Any:
    """Return the positions at which the pixels of the result are read, `(batch, 3, 3)`.

    With M_k the matrix of the k-th operation, the pixel `(x, y, 1)` of the result is read at
    `C M_1 M_2 ... C^-1 (x, y, 1)`, where C moves the origin to the center. Columns are x.
    """
    steps = _steps(drawn, height, width)
    product = steps[:, 0]
    for k in range(1, steps.shape[1]):
        product = product @ steps[:, k]
    return _around_center(product, height, width)


def _steps(drawn: Drawn, height: Any, width: Any) -> Any:
    """The matrix of each operation, `(batch, operations, 3, 3)`, or else the identity."""
    ranges = drawn.ranges
    angle = math.radians(ranges.rotate) * drawn.signed("rotate")
    cos, sin = ops.cos(angle), ops.sin(angle)
    shear_x, shear_y = (ranges.shear * drawn.signed(f"shear_{axis}") for axis in "xy")
    shift_x = ranges.shift(width) * drawn.signed("translate_x")
    shift_y = ranges.shift(height) * drawn.signed("translate_y")
    zero, one = ops.zeros_like(angle), ops.ones_like(angle)
    # One operation a matrix: the summands of all others are 0.
    rows = [[cos, shear_x - sin, shift_x], [shear_y + sin, cos, shift_y], [zero, zero, one]]
    return ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)


def _around_center(matrices: Any, height: Any, width: Any) -> Any:
    middle = [(ops.cast(side, "float32") - 1.0) / 2.0 for side in (width, height)]
    center = ops.stack([*middle, ops.zeros_like(middle[0])])
    moved = matrices[..., 2] + center - ops.squeeze(matrices[..., :2] @ center[:2, None], -1)
    # The last row stays (0, 0, 1).
    last = ops.concatenate([moved[..., :2], ops.ones_like(moved[..., :1])], axis=-1)
    return ops.concatenate([matrices[..., :2], last[..., None]], axis=-1)


def warp(images: Any, matrices: Any, fill: float) -> Any:
    """Read each image at the positions of its matrix, bilinearly.

    Args:
        images: float32 `(batch, height, width, channels)`.
        matrices: `(batch, 3, 3)`, from `transform`.
        fill: The value outside of the image.
    """
    return ops.image.affine_transform(
        images,
        ops.reshape(matrices, (-1, 9))[:, :8],
        interpolation="bilinear",
        fill_mode="constant",
        fill_value=fill,
        data_format="channels_last",
    )
