"""`Hoyer`: a penalty on the number of weights in use, whatever their size."""

from typing import Any

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .norms import at_least_float32


@keras.saving.register_keras_serializable(package="occam")
class Hoyer(keras.regularizers.Regularizer):
    """The Hoyer-Square measure, roughly the number of weights that are not near zero.

        penalty = factor * (sum |W|)^2 / sum W^2

    It lies between `factor` (one nonzero weight) and `factor * n` (`n` weights of one size), and
    does not change when all weights are scaled. So, unlike L1, it makes a tensor sparse without
    shrinking the remaining weights. The penalty of a tensor of zeros is 0.

    Args:
        factor: The strength, a number >= 0. It can be changed at any time.

    Shapes: Any tensor. Returns a scalar, in float32 (in float64 for a float64 tensor).

    Raises:
        ValueError: If `factor` is not a finite number >= 0.

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
        zeros = squares == 0  # dividing by 1 instead also keeps NaN out of the gradient
        ratio = ops.square(ops.sum(ops.absolute(x))) / ops.where(zeros, 1.0, squares)
        return self._factor * ratio

    def get_config(self) -> dict[str, float]:
        return {"factor": self.factor}
