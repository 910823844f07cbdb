"""Arrays of numbers from what users pass; apart from `checks`, which does not import NumPy."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .checks import message


def float_array(name: str, values: Any, expected: str = "numbers") -> np.ndarray:
    """Return an argument as float64; raise a `ValueError` unless it is `expected`, numbers.

    >>> float_array("scores", ["a"], "numbers of shape (n,)")
    Traceback (most recent call last):
    ValueError: `scores` must be numbers of shape (n,). Received: scores=['a']
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "US":  # NumPy would read "0.5" as a number
            return array.astype("float64")
    except (TypeError, ValueError):  # NumPy's message does not name the argument
        pass
    raise ValueError(message(name, values, expected))


def count_rows(arrays: Iterable[np.ndarray]) -> int:
    """Return the smallest number of rows of some arrays; that of a number, or of none, is 0.

    >>> count_rows([np.zeros((5, 2)), np.zeros(4)]), count_rows([np.float64(1.0)]), count_rows([])
    (4, 0, 0)
    """
    return min((len(array) if array.ndim else 0 for array in arrays), default=0)
