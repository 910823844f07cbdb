"""`Orthogonal`: a penalty on the similarity of the rows or columns of a kernel."""

import math
from typing import Any, Literal

import keras
from keras import ops

from ...core.checks import check_one_of
from ...core.live_scalar import LiveScalar
from .norms import at_least_float32


@keras.saving.register_keras_serializable(package="occam")
class Orthogonal(keras.regularizers.Regularizer):
    """The mean absolute cosine between all pairs of rows, or of columns.

        penalty = factor * sum over pairs i < j of |cos(w_i, w_j)| / number of pairs

    It is 0 if all vectors are orthogonal and `factor` if all are parallel. On a matrix this is
    Keras' `OrthogonalRegularizer`. In addition, a kernel of any rank is reshaped to a matrix
    `(inputs, units)`, half precision works, and a single row or column costs 0 (Keras: NaN).

    Args:
        factor: The strength, a number >= 0. It can be changed at any time.
        mode: `"rows"`, as in Keras, or `"columns"`, the weights into each unit of a `Dense` or
            `Conv` layer.

    Shapes: A tensor of rank >= 2. Returns a scalar, in float32 (in float64 for a float64 tensor).

    Raises:
        ValueError: If `factor` is not a finite number >= 0, `mode` is another word, or the tensor
            has a rank below 2.

    Example:

    >>> penalty = Orthogonal(1.0, mode="columns")
    >>> float(penalty(ops.eye(3)))
    0.0
    >>> round(float(penalty(ops.ones((3, 3, 4, 8)))), 3)
    1.0

    Reference: Brock et al., Neural Photo Editing with Introspective Adversarial Networks, 2017,
    section 3.3, https://arxiv.org/abs/1609.07093
    """

    factor = LiveScalar()
    _factor: keras.Variable

    def __init__(self, factor: float = 0.01, mode: Literal["rows", "columns"] = "rows"):
        check_one_of("mode", mode, ("rows", "columns"))
        self.factor = factor
        self.mode = mode

    def __call__(self, x: Any) -> Any:
        if len(x.shape) < 2:
            raise ValueError(
                f"The tensor must have rank 2 or more. Received: a tensor of shape {tuple(x.shape)}"
            )
        matrix = ops.reshape(at_least_float32(x), (math.prod(x.shape[:-1]), x.shape[-1]))
        vectors = matrix if self.mode == "rows" else ops.transpose(matrix)
        vectors = ops.normalize(vectors, axis=1)
        count = vectors.shape[0]
        cosines = ops.matmul(vectors, ops.transpose(vectors))
        others = 1.0 - ops.eye(count, dtype=vectors.dtype)
        ordered_pairs = max(count * (count - 1), 1)
        return self._factor * (ops.sum(ops.absolute(cosines) * others) / ordered_pairs)

    def get_config(self) -> dict[str, float | str]:
        return {"factor": self.factor, "mode": self.mode}
