"""`Calibration`: whether probabilities are frequencies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...core.arrays import float_array
from ...core.calibration import reliability_bins
from ...core.checks import check_integer, message
from .bootstrap import Interval
from .selective import shared_by_ties

BINS = 15


@dataclass(frozen=True, eq=False)
class Calibration:
    """The calibration of the probabilities of classes, or of independent labels.

    For classes, the event is that the predicted class is right, and its probability the largest
    one. For independent labels, each label of each sample is an event.

    Args:
        error: The expected calibration error, with 15 bins of equal width.
        adaptive_error: That with 15 bins of equal mass; see `adaptive_calibration_error`.
        brier: The Brier score; see `brier_score`.
        counts: The number of events in each bin of equal width, `(15,)`.
        frequency: The share of them that happened, `(15,)`; 0 in an empty bin.
        probability: Their mean probability, `(15,)`; 0 in an empty bin.
    """

    error: Interval
    adaptive_error: Interval
    brier: Interval
    counts: np.ndarray
    frequency: np.ndarray
    probability: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration as JSON values, the bins as a list of rows."""
        columns = zip(
            self.counts.tolist(), self.frequency.tolist(), self.probability.tolist(), strict=True
        )
        return {
            "error": self.error._asdict(),
            "adaptive_error": self.adaptive_error._asdict(),
            "brier": self.brier._asdict(),
            "bins": [
                {"count": count, "frequency": frequency, "probability": probability}
                for count, frequency, probability in columns
            ],
        }


def calibration_figures(probability: np.ndarray, happened: np.ndarray) -> dict[str, float]:
    """Return both calibration errors of the probabilities `(n,)` of events, by their names."""
    counts, frequency, mean = reliability_bins(probability, happened, BINS)
    return {
        "error": float(counts @ np.abs(frequency - mean) / len(probability)),
        "adaptive_error": adaptive_calibration_error(probability, happened),
    }


def adaptive_calibration_error(
    probability: ArrayLike, happened: ArrayLike, bins: int = BINS
) -> float:
    """Return the mean gap between frequency and probability, for bins of equal mass.

        error = sum_m |B_m| / n  |frequency(B_m) - probability(B_m)|

    B_1 are the n / M events of the smallest probability, and so on; the first n mod M bins have one
    more. Where most predictions are confident, bins of equal width are nearly all empty, and these
    are not. Events of equal probability share their frequency, so their order does not matter.

    Args:
        probability: The predicted probability of each event, `(n,)`. For classes, the largest one.
        happened: Whether it happened, `(n,)`. For classes, whether the prediction is right.
        bins: The number M of bins; bins without an event do not count.

    Raises:
        ValueError: If the arrays are empty or differ in shape, or `bins` is not an integer >= 1.

    Example: two bins of two events each.

    >>> round(adaptive_calibration_error([0.5, 0.6, 0.8, 0.9], [1, 0, 1, 1], bins=2), 3)
    0.1

    Reference: Nguyen & O'Connor, Posterior Calibration and Exploratory Analysis for Natural
    Language Processing Models, 2015, https://arxiv.org/abs/1508.05154
    """
    check_integer("bins", bins, 1)
    probability, happened = _events(probability, happened)
    order = np.argsort(probability, kind="stable")
    gaps = shared_by_ties(probability, happened)[order] - probability[order]
    return float(sum(abs(gap.sum()) for gap in np.array_split(gaps, bins)) / len(gaps))


def brier_score(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Return the mean squared error of probabilities.

        score = 1/n sum_i sum_k (p_ik - [y_i = k])^2            for exclusive classes, 0 to 2
        score = 1/(nK) sum_i sum_k (p_ik - y_ik)^2              for independent labels, 0 to 1

    For two classes, it is twice the score of the second class alone.

    Args:
        probabilities: Probabilities of shape `(n, classes)` or `(n, labels)`.
        targets: Class ids `(n,)`, or zeros and ones `(n, labels)`.

    Raises:
        ValueError: If the shapes do not fit, or the values are out of range.

    Example:

    >>> round(brier_score([[0.8, 0.2], [0.6, 0.4]], [0, 1]), 3)
    0.4

    Reference: Brier, Verification of Forecasts Expressed in Terms of Probability, 1950,
    https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2
    """
    p, y = float_array("probabilities", probabilities, "numbers in [0, 1]"), np.asarray(targets)
    if p.ndim != 2 or y.shape not in (p.shape[:1], p.shape):
        expected = "class ids (n,), or zeros and ones of the shape of `probabilities`"
        raise ValueError(message("targets", targets, expected))
    if not p.size or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(message("probabilities", probabilities, "numbers in [0, 1]"))
    if y.ndim == 1 and not np.isin(y, np.arange(p.shape[1])).all():
        expected = f"class ids from 0 to {p.shape[1] - 1}"
        raise ValueError(message("targets", targets, expected))
    if y.ndim == 2 and not np.isin(y, (0, 1)).all():
        raise ValueError(message("targets", targets, "zeros and ones"))
    if y.ndim == 2:
        return float(np.mean((p - y) ** 2))
    return float(np.mean(((p - np.eye(p.shape[1])[y.astype(int)]) ** 2).sum(axis=1)))


def _events(probability: Any, happened: Any) -> tuple[np.ndarray, np.ndarray]:
    p = float_array("probability", probability, "numbers in [0, 1] of shape (n,)")
    y = float_array("happened", happened, f"booleans of shape {p.shape}, like `probability`")
    if p.ndim != 1 or not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(message("probability", probability, "numbers in [0, 1] of shape (n,)"))
    if y.shape != p.shape or not np.isin(y, (0, 1)).all():
        expected = f"booleans of shape {p.shape}, like `probability`"
        raise ValueError(message("happened", happened, expected))
    return p, y
