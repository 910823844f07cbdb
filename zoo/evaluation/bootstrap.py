"""`bootstrap_replicates`: the spread of a figure over other samples of the same size."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...core.checks import check_integer, message

_CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A figure with its 95% interval, or `None` for the ends if none was computed."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float, replicates: np.ndarray | None = None) -> "Interval":
        """Return a value with the 2.5 and 97.5 percentiles of its bootstrap replicates, if any."""
        if replicates is None or not len(replicates):
            return cls(float(value))
        tail = 50 * (1 - _CONFIDENCE)
        low, high = np.percentile(replicates, (tail, 100 - tail))
        return cls(float(value), float(low), float(high))

    def __str__(self) -> str:
        text = f"{self.value:.3g}"
        return text if self.low is None else f"{text} [{self.low:.3g}, {self.high:.3g}]"


def bootstrap_replicates(
    statistic: Callable[[Any], dict[str, float]], rows: int, resamples: int = 1000, seed: Any = 0
) -> dict[str, np.ndarray]:
    """Return the values of figures on samples that are drawn from the rows with replacement.

    For the percentile interval, take the percentiles of the replicates. It contains the figure of
    the population in about 95% of all samples, if the rows are independent and not too few. It
    says nothing of what another training would give. A figure that is biased in small samples, as
    the calibration error is, is more so in resamples: its interval is too high, and may even lie
    above the value.

    Args:
        statistic: The function from the indices of rows, `(rows,)`, to figures by name.
        rows: The number of rows.
        resamples: The number of samples to draw; with 0, nothing is returned.
        seed: The seed, an integer or several.

    Returns:
        The replicates of each figure, `(resamples,)`.

    Raises:
        TypeError: If `statistic` is not a function, or returns something else than a dict.
        ValueError: If a number is out of range.

    Example:

    >>> values = np.arange(100.0)
    >>> replicates = bootstrap_replicates(lambda rows: {"mean": values[rows].mean()}, 100)["mean"]
    >>> print(Interval.of(values.mean(), replicates))
    49.5 [43.8, 55]

    Reference: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13
    """
    check_integer("rows", rows, 1)
    check_integer("resamples", resamples, 0)
    if not callable(statistic):
        raise TypeError(message("statistic", statistic, "a function of the indices of rows"))
    generator = np.random.default_rng(seed)
    drawn = [statistic(generator.integers(0, rows, rows)) for _ in range(resamples)]
    if drawn and not isinstance(drawn[0], dict):
        expected = "a function that returns a dict of figures by name"
        raise TypeError(message("statistic", drawn[0], expected))
    return {name: np.array([each[name] for each in drawn]) for name in (drawn or [{}])[0]}
