"""`copies` and `assign`: weights out of a model and back into it, bit by bit."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

__all__ = ["assign", "copies", "copy_of"]


def copies(variables: Sequence[Any]) -> list[np.ndarray]:
    """The values of variables, which what is assigned to them later does not change.

    >>> import keras
    >>> [copy.tolist() for copy in copies([keras.Variable([1.0, 2.0])])]
    [[1.0, 2.0]]
    """
    return list(map(copy_of, variables))


def copy_of(variable: Any) -> np.ndarray:
    """The value of one variable, likewise."""
    if keras.backend.backend() == "tensorflow":
        return _read(variable.value)
    return np.array(ops.convert_to_numpy(variable))


def assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Gives each variable its value, of which it gets a copy."""
    for variable, value in zip(variables, values, strict=True):
        if keras.backend.backend() == "tensorflow":
            # Without reading it back, which is what Keras' own `assign` does.
            variable.value.assign(np.asarray(value), read_value=False)
        else:
            variable.assign(np.array(value))  # JAX may keep the very memory, and use it again


def _read(variable: Any) -> np.ndarray:
    """By the operation itself: the ways around it take three times as long, for a thousand weights
    in each epoch."""
    import tensorflow as tf

    return tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype).numpy()
