"""`OutlierDetection`: whether a model is less sure of out-of-distribution inputs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from ...core.arrays import float_array
from ...core.checks import message
from .bootstrap import Interval, bootstrap_replicates


@dataclass(frozen=True)
class OutlierDetection:
    """How well one score of each sample tells samples of the data from outliers.

    Args:
        auroc: The probability that an outlier has a lower score than a sample of the data; 0.5 is
            chance.
        fpr95: The false positive rate at a true positive rate of 95%: the fraction of outliers that
            pass as data, at the score that 95% of the data reach.
    """

    auroc: Interval
    fpr95: Interval


def energy(logits: ArrayLike) -> np.ndarray:
    """Return the negative energy of each row of logits, `(n,)`; it is low for outliers.

        -E(x) = log sum_k exp z_k

    It needs logits: behind a softmax, they are known only up to a constant for each row.

    Args:
        logits: The outputs of a model before the softmax, `(n, classes)`.

    Raises:
        ValueError: If they have another shape, or one is not finite.

    Example:

    >>> energy([[0.0, 0.0], [3.0, 0.0]]).round(3).tolist()
    [0.693, 3.049]

    Reference: Liu et al., Energy-based Out-of-distribution Detection, 2020,
    https://arxiv.org/abs/2010.03759
    """
    z = float_array("logits", logits)
    if z.ndim != 2 or not np.isfinite(z).all():
        raise ValueError(message("logits", logits, "finite numbers of shape (n, classes)"))
    return np.asarray(logsumexp(z, axis=-1))


def detect_outliers(
    inliers: ArrayLike, outliers: ArrayLike, *, resamples: int = 0, seed: int = 0
) -> OutlierDetection:
    """Judge a score that is meant to be higher for samples of the data than for outliers.

    Args:
        inliers: The score of each sample of the data, `(n,)`, such as the largest probability
            (Hendrycks & Gimpel 2017) or the `energy`.
        outliers: The score of each outlier, `(m,)`.
        resamples: The number of bootstrap samples for the intervals; 0 for none.
        seed: The seed of these.

    Raises:
        ValueError: If there are no scores, or one is NaN.

    Example:

    >>> round(detect_outliers([0.9, 0.8, 0.5], [0.6, 0.4]).auroc.value, 3)
    0.833

    Reference: Hendrycks & Gimpel, A Baseline for Detecting Misclassified and Out-of-Distribution
    Examples in Neural Networks, 2017, https://arxiv.org/abs/1610.02136
    """
    inside, outside = float_array("inliers", inliers), float_array("outliers", outliers)
    for name, array in (("inliers", inside), ("outliers", outside)):
        if array.ndim != 1 or not len(array) or np.isnan(array).any():
            raise ValueError(message(name, array, "numbers of shape (n,), n > 0"))

    def figures(rows: np.ndarray) -> dict[str, float]:
        first = rows[rows < len(inside)]
        others = rows[rows >= len(inside)] - len(inside)
        if not len(first) or not len(others):  # practically only for a handful of rows
            return figures(np.arange(len(inside) + len(outside)))
        return _figures(inside[first], outside[others])

    values = figures(np.arange(len(inside) + len(outside)))
    replicates = bootstrap_replicates(figures, len(inside) + len(outside), resamples, seed)
    return OutlierDetection(
        **{name: Interval.of(value, replicates.get(name)) for name, value in values.items()}
    )


def _figures(inside: np.ndarray, outside: np.ndarray) -> dict[str, float]:
    """Return the AUROC by the rank sum of Mann and Whitney, and the false positive rate."""
    ordered = np.sort(inside)
    below = np.searchsorted(ordered, outside, side="left")
    ties = np.searchsorted(ordered, outside, side="right") - below
    above = len(inside) - below - ties
    threshold = ordered[int(0.05 * len(ordered))]
    return {
        "auroc": float((above + ties / 2).mean() / len(inside)),
        "fpr95": float((outside >= threshold).mean()),
    }
