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

    def copies(self) -> list[np.ndarray]:
        """The values of the variables, which what is assigned to them later does not change."""
        return copies(self.variables)

    def assign(self, values: Sequence[np.ndarray]) -> None:
        """Gives each variable its value, of which it gets a copy."""
        for variable, value in zip(self.variables, values, strict=True):
            if keras.backend.backend() == "tensorflow":
                array = np.asarray(value, variable.value.dtype.as_numpy_dtype)
                # Without reading it back, which is what Keras' own `assign` does.
                variable.value.assign(array, read_value=False)
            else:
                variable.assign(np.array(value))  # JAX may keep the very memory, and use it again


def copies(variables: Sequence[Any]) -> list[np.ndarray]:
    """The values of variables that are read once.

    >>> [copy.tolist() for copy in copies([keras.Variable([1.0, 2.0])])]
    [[1.0, 2.0]]
    """
    return list(map(copy_of, variables))


def copy_of(variable: Any) -> np.ndarray:
    """The value of one variable, likewise."""
    return _array(_tensor(variable))


def _tensor(variable: Any) -> Any:
    if keras.backend.backend() != "tensorflow":
        return ops.convert_to_tensor(variable)
    import tensorflow as tf

    # The operation itself: the ways around it take three times as long.
    return tf.raw_ops.ReadVariableOp(resource=variable.value.handle, dtype=variable.value.dtype)


def _array(tensor: Any) -> np.ndarray:
    return tensor.numpy() if keras.backend.backend() == "tensorflow" else np.array(tensor)
