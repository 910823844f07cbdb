"""`GroupLasso`: a penalty that switches off whole units instead of single weights."""

import math
from typing import Any

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .precision import at_least_float32

__all__ = ["GroupLasso"]


@keras.saving.register_keras_serializable(package="occam")
class GroupLasso(keras.regularizers.Regularizer):
    """The sum over the units of the norms of the weights that lead into them.

        penalty = factor * sum over units u of  sqrt(n) * |W_u|_2

    where `W_u` are the `n` weights into unit `u`. The norm is not squared, so the penalty pulls the
    whole group to zero together, as L1 does a single weight; `sqrt(n)` lets layers with more
    weights a unit be judged alike. Where a group is exactly zero the gradient is taken to be zero,
    so that it stays there.

    Args:
        factor: strength, a number >= 0; assignable at any time.
        axis: the axis of the units: the last in the kernels of `Dense` and `Conv`.

    Shapes: any tensor of rank >= 1 in, a scalar out, in float32 (float64 for a float64 tensor).

    Raises:
        ValueError: `factor` is not a finite number >= 0, when made and when assigned, or the tensor
            has no such axis.

    Example: two units with weights (3, 4) and (0, 0).

    >>> float(GroupLasso(0.5)(ops.convert_to_tensor([[3.0, 0.0], [4.0, 0.0]])))
    3.535533905029297

    Reference: Yuan & Lin, Model Selection and Estimation in Regression with Grouped Variables,
    2006, https://doi.org/10.1111/j.1467-9868.2005.00532.x
    """

    factor = LiveScalar()
    _factor: keras.Variable

    def __init__(self, factor: float = 0.01, axis: int = -1):
        self.factor = factor
        self.axis = axis

    def __call__(self, x: Any) -> Any:
        rank = len(x.shape)
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"GroupLasso: the tensor must have the axis of the units, axis={self.axis}. "
                f"Received shape: {tuple(x.shape)}"
            )
        weights = [axis for axis in range(rank) if axis != self.axis % rank]
        size = math.prod(x.shape[axis] for axis in weights)
        squares = ops.sum(ops.square(at_least_float32(x)), axis=weights)
        return self._factor * (math.sqrt(size) * ops.sum(_square_root(squares)))

    def get_config(self) -> dict[str, float | int]:
        return {"factor": self.factor, "axis": self.axis}


def _square_root(x: Any) -> Any:
    """The square root, with gradient 0 at 0 instead of an infinity that becomes NaN."""
    positive = x > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, x, 1.0)), 0.0)
