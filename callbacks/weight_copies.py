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
        variables: of a model, an optimizer, or ours; on TensorFlow its own, too.

    >>> weights = Weights([keras.Variable([1.0, 2.0]), keras.Variable(3.0)])
    >>> before = weights.snapshot()
    >>> weights.assign([np.zeros(2), np.ones(())])
    >>> [array.tolist() for array in weights.arrays()]
    [[0.0, 0.0], 1.0]
    >>> weights.assign(before)
    >>> [array.tolist() for array in weights.arrays()]
    [[1.0, 2.0], 3.0]
    """

    def __init__(self, variables: Sequence[Any]):
        self.variables = list(variables)
        if keras.backend.backend() == "tensorflow":
            self._resources = list(map(_resource, self.variables))

    def snapshot(self) -> list[Any]:
        """The values, which nothing changes any more, in the form that `assign` is fastest with."""
        if keras.backend.backend() == "tensorflow":
            return [_read(*resource) for resource in self._resources]
        return self.arrays()

    def arrays(self) -> list[np.ndarray]:
        """The same as arrays; on TensorFlow they are read-only, and nothing is copied."""
        if keras.backend.backend() == "tensorflow":
            return list(map(np.asarray, self.snapshot()))
        return copies(self.variables)

    def assign(self, values: Sequence[Any]) -> None:
        """Gives each variable its value, an array, of which it gets a copy, or of a snapshot."""
        if keras.backend.backend() == "tensorflow":
            for resource, value in zip(self._resources, values, strict=True):
                _write(*resource, value)
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
        return _read(*_resource(variable)).numpy()
    return np.array(ops.convert_to_tensor(variable))


# The operations themselves: the ways around them, which record, check and read back, take three
# times as long. What an operation reads is the variable's own memory, which TensorFlow lets go of
# instead of writing to it while somebody else holds it.


def _resource(variable: Any) -> tuple[Any, Any]:
    """What TensorFlow reads and writes a variable by."""
    native = variable.value if isinstance(variable, keras.Variable) else variable
    return native.handle, native.dtype


def _read(handle: Any, dtype: Any) -> Any:
    import tensorflow as tf

    return tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype)


def _write(handle: Any, dtype: Any, value: Any) -> None:
    import tensorflow as tf

    if not tf.is_tensor(value):  # the operation itself would take NumPy's memory
        value = tf.constant(np.asarray(value, dtype.as_numpy_dtype))
    tf.raw_ops.AssignVariableOp(resource=handle, value=value, validate_shape=True)
