"""`Hoyer`: a penalty on how many weights are in use, whatever their size."""

from typing import Any

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .precision import at_least_float32

__all__ = ["Hoyer"]


@keras.saving.register_keras_serializable(package="occam")
class Hoyer(keras.regularizers.Regularizer):
    """The Hoyer-Square measure: about the number of weights that are not near zero.

        penalty = factor * (sum |W|)^2 / sum W^2

    It lies between `factor` (one weight carries all) and `factor * n` (all `n` are of one size) and
    does not change when all weights are scaled, so it thins out a tensor without shrinking what is
    left, as L1 does. A tensor of zeros costs nothing.

    Args:
        factor: strength, a number >= 0; assignable at any time.

    Shapes: any tensor in, a scalar out, in float32 (float64 for a float64 tensor).

    Raises:
        ValueError: `factor` is not a finite number >= 0, when made and when assigned.

    Example:

    >>> penalty = Hoyer(1.0)
    >>> [float(penalty(ops.convert_to_tensor(w))) for w in ([5.0, 0, 0], [5.0, -5, 0])]
    [1.0, 2.0]

    Reference: Yang, Wen & Li, DeepHoyer: Learning Sparser Neural Network with Differentiable
    Scale-Invariant Sparsity Measures, 2020, https://arxiv.org/abs/1908.09979
    """

    factor = LiveScalar()
    _factor: keras.Variable

    def __init__(self, factor: float = 0.01):
        self.factor = factor

    def __call__(self, x: Any) -> Any:
        x = at_least_float32(x)
        squares = ops.sum(ops.square(x))
        zeros = squares == 0  # a division by 1 there keeps NaN out of the gradient, too
        ratio = ops.square(ops.sum(ops.absolute(x))) / ops.where(zeros, 1.0, squares)
        return self._factor * ratio

    def get_config(self) -> dict[str, float]:
        return {"factor": self.factor}
