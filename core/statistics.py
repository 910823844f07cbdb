"""The standard error of a mean."""

import math
from collections.abc import Sequence
from statistics import stdev


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean, `s / sqrt(n)`; 0 for a single value.

    >>> standard_error([1.0, 3.0])
    1.0
    """
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
