"""`GroupLasso`: a penalty that removes whole units instead of single weights."""

import math
from typing import Any

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .norms import at_least_float32


@keras.saving.register_keras_serializable(package="occam")
class GroupLasso(keras.regularizers.Regularizer):
    """The sum over the units of the norms of the weights that lead into them.

        penalty = factor * sum over units u of  sqrt(n) * |W_u|_2

    where `W_u` are the `n` weights into unit `u`. The norm is not squared, so the penalty pulls the
    whole group to zero together, as L1 does a single weight. The factor `sqrt(n)` makes units with
    many and with few weights comparable. The gradient of a group of zeros is zero.

    Args:
        factor: The strength, a number >= 0. It can be changed at any time.
        axis: The axis of the units, the last one in the kernels of `Dense` and `Conv` layers.

    Shapes: A tensor of rank >= 1. Returns a scalar, in float32 (in float64 for a float64 tensor).

    Raises:
        ValueError: If `factor` is not a finite number >= 0, or the tensor has no such axis.

    Example: Two units with weights (3, 4) and (0, 0).

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
                f"`axis` must be an axis of the penalized tensor, from {-rank} to {rank - 1}. "
                f"Received: axis={self.axis}, shape {tuple(x.shape)}"
            )
        weights = [axis for axis in range(rank) if axis != self.axis % rank]
        size = math.prod(x.shape[axis] for axis in weights)
        squares = ops.sum(ops.square(at_least_float32(x)), axis=weights)
        return self._factor * (math.sqrt(size) * ops.sum(_square_root(squares)))

    def get_config(self) -> dict[str, float | int]:
        return {"factor": self.factor, "axis": self.axis}


def _square_root(x: Any) -> Any:
    """The square root, with gradient 0 at 0 instead of infinity, which becomes NaN."""
    positive = x > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, x, 1.0)), 0.0)
