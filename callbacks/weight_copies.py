"""`Weights`: out of a model and back into it, bit by bit."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

__all__ = ["Weights", "copies", "copy_of"]


class Weights:
    """Variables that are read and written again and again, as in each epoch.

    Args:
        variables: of a model, an optimizer, or ours.

    >>> weights = Weights([keras.Variable([1.0, 2.0]), keras.Variable(3.0)])
    >>> before = weights.copies()
    >>> weights.assign([np.zeros(2), np.ones(())])
    >>> [copy.tolist() for copy in (*before, *weights.copies())]
    [[1.0, 2.0], 3.0, [0.0, 0.0], 1.0]
    """

    def __init__(self, variables: Sequence[Any]):
        self.variables = list(variables)
        if keras.backend.backend() == "tensorflow":
            self._native = [variable.value for variable in self.variables]

    def copies(self) -> list[np.ndarray]:
        """The values of the variables, which what is assigned to them later does not change."""
        if keras.backend.backend() == "tensorflow":
            return list(map(_read, self._native))
        return copies(self.variables)

    def assign(self, values: Sequence[np.ndarray]) -> None:
        """Gives each variable its value, of which it gets a copy."""
        if keras.backend.backend() == "tensorflow":
            for native, value in zip(self._native, values, strict=True):
                _write(native, value)
        else:
            for variable, value in zip(self.variables, values, strict=True):
                variable.assign(np.array(value))  # JAX may keep the very memory, and use it again


def copies(variables: Sequence[Any]) -> list[np.ndarray]:
    """The values of variables that are read once.

    >>> [copy.tolist() for copy in copies([keras.Variable([1.0, 2.0])])]
    [[1.0, 2.0]]
    """
    return list(map(copy_of, variables))


def copy_of(variable: Any) -> np.ndarray:
    """The value of one variable, likewise."""
    if keras.backend.backend() == "tensorflow":
        return _read(variable.value)
    return np.array(ops.convert_to_tensor(variable))


# The operations themselves: the ways around them, which record, check and read back, take three
# times as long.


def _read(variable: Any) -> np.ndarray:
    import tensorflow as tf

    read = tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype)
    return read.numpy()  # type: ignore[attr-defined]


def _write(variable: Any, value: np.ndarray) -> None:
    import tensorflow as tf

    array = np.asarray(value, variable.dtype.as_numpy_dtype)
    copy = tf.constant(array)  # the operation itself would take NumPy's memory
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=copy, validate_shape=True)
