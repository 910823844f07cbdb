"""`copies` and `assign`: weights out of a model and back into it, bit by bit."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

__all__ = ["assign", "copies", "storable"]


def copies(variables: Sequence[Any]) -> list[np.ndarray]:
    """The values of variables, which what is assigned to them later does not change.

    >>> import keras
    >>> [copy.tolist() for copy in copies([keras.Variable([1.0, 2.0])])]
    [[1.0, 2.0]]
    """
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


def assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Gives each variable its value, of which it gets a copy."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(np.array(value))  # JAX may keep the very memory, and use it again


def storable(array: np.ndarray) -> np.ndarray:
    """The array in a type that NumPy's files keep: bfloat16, which they lose, as float32."""
    return array.astype("float32") if array.dtype.name == "bfloat16" else array
