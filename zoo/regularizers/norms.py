"""`L1`, `L2` and `L1L2`: penalties on the size of the weights."""

from typing import Any

import keras
from keras import ops

from ...core.live_scalar import LiveScalar


@keras.saving.register_keras_serializable(package="occam")
class L1(keras.regularizers.Regularizer):
    """The sum of the absolute values. It pulls every weight towards zero by the same amount.

        penalty = l1 * sum |W|

    Args:
        l1: The strength, a number >= 0. It can be changed at any time.

    Shapes: Any tensor. Returns a scalar, in float32 (in float64 for a float64 tensor).

    Raises:
        ValueError: If `l1` is not a finite number >= 0.

    Example:

    >>> penalty = L1(0.1)
    >>> float(penalty(ops.convert_to_tensor([1.0, -2.0])))
    0.30000001192092896
    >>> penalty.l1 = 0.0
    >>> float(penalty(ops.convert_to_tensor([1.0, -2.0])))
    0.0

    Reference: Tibshirani, Regression Shrinkage and Selection via the Lasso, 1996,
    https://www.jstor.org/stable/2346178
    """

    l1 = LiveScalar()
    _l1: keras.Variable

    def __init__(self, l1: float = 0.01):
        self.l1 = l1

    def __call__(self, x: Any) -> Any:
        return self._l1 * _sum_of_magnitudes(x)

    def get_config(self) -> dict[str, float]:
        return {"l1": self.l1}


@keras.saving.register_keras_serializable(package="occam")
class L2(keras.regularizers.Regularizer):
    """The sum of the squares. It pulls every weight towards zero in proportion to its size.

        penalty = l2 * sum W^2

    Args:
        l2: The strength, a number >= 0. It can be changed at any time.

    Shapes: Any tensor. Returns a scalar, in float32 (in float64 for a float64 tensor).

    Raises:
        ValueError: If `l2` is not a finite number >= 0.

    Example:

    >>> float(L2(0.5)(ops.convert_to_tensor([1.0, -2.0])))
    2.5

    Reference: Hoerl & Kennard, Ridge Regression, 1970, https://doi.org/10.1080/00401706.1970.10488634
    """

    l2 = LiveScalar()
    _l2: keras.Variable

    def __init__(self, l2: float = 0.01):
        self.l2 = l2

    def __call__(self, x: Any) -> Any:
        return self._l2 * _sum_of_squares(x)

    def get_config(self) -> dict[str, float]:
        return {"l2": self.l2}


@keras.saving.register_keras_serializable(package="occam")
class L1L2(keras.regularizers.Regularizer):
    """The elastic net, L1 and L2 at once.

        penalty = l1 * sum |W| + l2 * sum W^2

    Args:
        l1, l2: The strengths, numbers >= 0. They can be changed at any time.

    Shapes: Any tensor. Returns a scalar, in float32 (in float64 for a float64 tensor).

    Raises:
        ValueError: If a strength is not a finite number >= 0.

    Example:

    >>> float(L1L2(l1=1.0, l2=0.5)(ops.convert_to_tensor([1.0, -2.0])))
    5.5

    Reference: Zou & Hastie, Regularization and Variable Selection via the Elastic Net, 2005,
    https://doi.org/10.1111/j.1467-9868.2005.00503.x
    """

    l1 = LiveScalar()
    _l1: keras.Variable
    l2 = LiveScalar()
    _l2: keras.Variable

    def __init__(self, l1: float = 0.0, l2: float = 0.0):
        self.l1 = l1
        self.l2 = l2

    def __call__(self, x: Any) -> Any:
        return self._l1 * _sum_of_magnitudes(x) + self._l2 * _sum_of_squares(x)

    def get_config(self) -> dict[str, float]:
        return {"l1": self.l1, "l2": self.l2}


def _sum_of_magnitudes(x: Any) -> Any:
    return ops.sum(ops.absolute(at_least_float32(x)))


def _sum_of_squares(x: Any) -> Any:
    return ops.sum(ops.square(at_least_float32(x)))


def at_least_float32(x: Any) -> Any:
    """Return `x` in float32, or in float64 if it already is.

    A sum of squares overflows in float16. In bfloat16 it stops growing at 256 times a term.
    """
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
