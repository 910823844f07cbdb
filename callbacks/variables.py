"""Read, write and compute with many variables at the speed of the backend."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


class Weights:
    """Variables, on TensorFlow also native ones, with fast reads and writes of all their values."""

    def __init__(self, variables: Sequence[Any]):
        self.variables = list(variables)
        if keras.backend.backend() == "tensorflow":
            self._resources = list(map(_resource, self.variables))

    def snapshot(self) -> list[Any]:
        """Return immutable values in the form that `assign` takes fastest."""
        if keras.backend.backend() == "tensorflow":
            return [_read(*resource) for resource in self._resources]
        return self.arrays()

    def arrays(self) -> list[np.ndarray]:
        """Return the values as arrays, on TensorFlow as read-only views."""
        if keras.backend.backend() == "tensorflow":
            return list(map(np.asarray, self.snapshot()))
        return copies(self.variables)

    def assign(self, values: Sequence[Any]) -> None:
        """Assign copies of arrays, or the values of a snapshot."""
        if keras.backend.backend() == "tensorflow":
            for resource, value in zip(self._resources, values, strict=True):
                _write(*resource, value)
        else:
            for variable, value in zip(self.variables, values, strict=True):
                variable.assign(np.array(value))  # JAX may keep and reuse the memory it is given


def copies(variables: Sequence[Any]) -> list[np.ndarray]:
    """Return copies of the values of variables."""
    return list(map(copy_of, variables))


def copy_of(variable: Any) -> np.ndarray:
    """Return a copy of the value of a variable."""
    if keras.backend.backend() == "tensorflow":
        return _read(*_resource(variable)).numpy()
    return np.array(ops.convert_to_tensor(variable))


# Raw operations take a third of the time of the public methods, which also record and check. A read
# returns the variable's own memory; while anybody holds it, TensorFlow writes elsewhere.


def _resource(variable: Any) -> tuple[Any, Any]:
    native = variable.value if isinstance(variable, keras.Variable) else variable
    return native.handle, native.dtype


def _read(handle: Any, dtype: Any) -> Any:
    import tensorflow as tf

    return tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype)


def _write(handle: Any, dtype: Any, value: Any) -> None:
    import tensorflow as tf

    if not tf.is_tensor(value):  # the operation itself would adopt NumPy's memory
        value = tf.constant(np.asarray(value, dtype.as_numpy_dtype))
    tf.raw_ops.AssignVariableOp(resource=handle, value=value, validate_shape=True)


_EAGER_CALLS = 5


class TracedLater:
    """A function of variables that runs eagerly at first, and as a TensorFlow graph later.

    The penalties of a `resnet20` take 40 ms an epoch eagerly and 1 ms as a graph, but tracing takes
    370 ms: a training of a few epochs is faster without.
    """

    def __init__(self, function: Callable[[], Any]):
        self._function = function
        self._calls = 0

    def __call__(self) -> Any:
        if self._calls == _EAGER_CALLS and keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            self._function = tf.function(self._function, autograph=False)
        self._calls += 1
        return self._function()
