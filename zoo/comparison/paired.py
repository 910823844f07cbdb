"""The statistics of a comparison: paired differences, Student's t and Holm's correction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from ...core.arrays import float_array
from ...core.checks import check_number, message
from ...core.statistics import standard_error

_ROUNDING = 1e-9  # differences whose spread is a smaller share of the values have none


def mean_over_seeds(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean and its standard error, `s / sqrt(n)`; `None` for a single value.

    >>> mean_over_seeds([1.0, 3.0]), mean_over_seeds([1.0])
    ((2.0, 1.0), (1.0, None))
    """
    values = [float(value) for value in values]
    return float(np.mean(values)), standard_error(values) if len(values) > 1 else None


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences, with Student's interval and p-value.

    Args:
        pairs: The number of pairs.
        mean: The mean difference, or `None` without a pair.
        error: Its standard error, or `None` with fewer than two pairs.
        low: The lower end of the interval. `None` without an interval: with fewer than two pairs,
            or if the difference is the same in all pairs, which tells nothing about its spread.
        high: The upper end.
        p: The p-value of the two-sided test against 0; `None` without an interval.
    """

    pairs: int
    mean: float | None = None
    error: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None


def paired_difference(
    ours: Sequence[float], theirs: Sequence[float], *, confidence: float = 0.95
) -> Difference:
    """Return the difference `ours - theirs` of paired values.

    With d the n differences, their mean m and their standard deviation s,

        m +- t s / sqrt(n)   with t the quantile (1 + confidence) / 2 of Student's t, n - 1 degrees

    The seed of a pair decides the initial weights and the order of the samples of both, so much of
    the noise is common to them and not in the difference.

    Args:
        ours: `n` values.
        theirs: `n` values, in the same order of pairs.
        confidence: The coverage of the interval, in (0, 1).

    Raises:
        ValueError: If the numbers of values differ, a value is not a finite number, or `confidence`
            is out of range.

    Example:

    >>> found = paired_difference([0.80, 0.82, 0.81], [0.70, 0.71, 0.74])
    >>> f"{found.mean:.3f} ± {found.error:.3f}, {found.low:.3f} to {found.high:.3f}, {found.p:.3f}"
    '0.093 ± 0.012, 0.042 to 0.145, 0.016'

    Reference: Student, The probable error of a mean, Biometrika 6, 1908.
    """
    check_number("confidence", confidence, "(0, 1)")
    given = {"ours": ours, "theirs": theirs}
    pair = [_finite(name, values, "finite numbers (n,)") for name, values in given.items()]
    if len(pair[0]) != len(pair[1]):
        raise ValueError(message("theirs", theirs, f"{len(ours)} values, one for each of `ours`"))
    pairs = len(pair[0])
    if pairs == 0:
        return Difference(0)
    values = np.array(pair)
    differences = values[0] - values[1]
    mean, error = mean_over_seeds(differences)
    if error is None:
        return Difference(pairs, mean)
    if np.ptp(differences) <= _ROUNDING * np.abs(values).max():
        return Difference(pairs, mean, 0.0)
    test: Any = stats.ttest_rel(*values)
    low, high = test.confidence_interval(confidence)
    return Difference(pairs, mean, error, float(low), float(high), float(test.pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of several tests by Holm's correction, in the given order.

    Of m p-values in ascending order,

        p'_i = max over k <= i of min(1, (m - k + 1) p_k)

    Rejecting where p' <= alpha, the probability of a false rejection among all tests is at most
    alpha, whatever their dependence.

    Raises:
        ValueError: If a p-value is not a number in [0, 1].

    Example:

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]

    Reference: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal
    of Statistics 6, 1979.
    """
    expected = "numbers in [0, 1] of shape (n,)"
    values = _finite("p_values", p_values, expected)
    if ((values < 0) | (values > 1)).any():
        raise ValueError(message("p_values", p_values, expected))
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, index in enumerate(np.argsort(values, kind="stable")):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = float(largest)
    return adjusted


def _finite(name: str, values: Any, expected: str) -> np.ndarray:
    array = float_array(name, values, expected)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(message(name, values, expected))
    return array
