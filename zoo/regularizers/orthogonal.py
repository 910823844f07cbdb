"""`Orthogonal`: a penalty on the likeness of the rows, or the columns, of a kernel."""

import math
from typing import Any, Literal

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .precision import at_least_float32

__all__ = ["Orthogonal"]


@keras.saving.register_keras_serializable(package="occam")
class Orthogonal(keras.regularizers.Regularizer):
    """The mean, over all pairs of rows or columns, of the magnitude of their cosine.

        penalty = factor * sum over pairs i < j of |cos(w_i, w_j)| / number of pairs

    0 where they all stand at right angles, `factor` where they all lie on one line. On a matrix
    this is Keras' `OrthogonalRegularizer`; here a kernel of any rank is taken as the matrix
    `(inputs, units)` with its last axis as the columns, half precision works, and a single row or
    column costs nothing (Keras: NaN).

    Args:
        factor: strength, a number >= 0; assignable at any time.
        mode: `"rows"`, as in Keras, or `"columns"`: the weights into each unit of a `Dense` or
            `Conv` layer.

    Shapes: a tensor of rank >= 2 in, a scalar out, in float32 (float64 for a float64 tensor).

    Raises:
        ValueError: `factor` is not a finite number >= 0, when made and when assigned, `mode` is
            another word, or the tensor's rank is below 2.

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
        if mode not in ("rows", "columns"):
            raise ValueError(
                f'Orthogonal: `mode` must be "rows" or "columns". Received: mode={mode!r}'
            )
        self.factor = factor
        self.mode = mode

    def __call__(self, x: Any) -> Any:
        vectors = ops.normalize(self._vectors(x), axis=1)
        count = vectors.shape[0]
        cosines = ops.matmul(vectors, ops.transpose(vectors))
        others = 1.0 - ops.eye(count, dtype=vectors.dtype)
        ordered_pairs = max(count * (count - 1), 1)
        return self._factor * (ops.sum(ops.absolute(cosines) * others) / ordered_pairs)

    def _vectors(self, x: Any) -> Any:
        """The rows or columns that are compared, as the rows of a matrix."""
        if len(x.shape) < 2:
            raise ValueError(
                f"Orthogonal: the tensor must have rank 2 or more. Received shape: {tuple(x.shape)}"
            )
        matrix = ops.reshape(at_least_float32(x), (math.prod(x.shape[:-1]), x.shape[-1]))
        return matrix if self.mode == "rows" else ops.transpose(matrix)

    def get_config(self) -> dict[str, float | str]:
        return {"factor": self.factor, "mode": self.mode}
