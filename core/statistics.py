"""Means with their standard errors."""

import math
from collections.abc import Sequence
from statistics import stdev

import numpy as np


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean, `s / sqrt(n)`; 0 for a single value.

    >>> standard_error([1.0, 3.0])
    1.0
    """
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def mean_and_error(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return the weighted mean of a value of each sample, and its standard error.

        mean = sum_i w_i v_i / sum_i w_i,
        error^2 = n / (n - 1) * sum_i w_i^2 (v_i - mean)^2 / (sum_i w_i)^2,

    which is the variance over n if all weights are equal. Samples are taken to be independent.

    Example:

    >>> mean_and_error(np.array([1.0, 3.0]), np.ones(2))
    (2.0, 1.0)
    """
    total, n = weights.sum(), len(values)
    mean = float(weights @ values / total)
    scatter = np.sum((weights * (values - mean)) ** 2) * n / max(n - 1, 1)
    return mean, float(np.sqrt(scatter) / total)
