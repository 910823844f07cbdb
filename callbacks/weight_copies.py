"""`copies` and `assign`: weights out of a model and back into it, bit by bit."""

from collections.abc import Sequence
from typing import Any

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
    return np.array(ops.convert_to_numpy(variable))


def assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Gives each variable its value, of which it gets a copy."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(np.array(value))  # JAX may keep the very memory, and use it again
