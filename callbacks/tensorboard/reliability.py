"""The reliability diagram: is the model right as often as it says?"""

from typing import Any

import numpy as np

from .figure import new_figure

__all__ = ["calibration_error", "reliability"]

_BINS = 10


def _bins(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each bin of confidence: the number of samples, their accuracy, their mean confidence."""
    sure, right = p.max(1), p.argmax(1) == y
    index = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    count = np.bincount(index, minlength=_BINS)
    each = np.maximum(count, 1)
    accuracy, confidence = (np.bincount(index, v, _BINS) / each for v in (right, sure))
    return count, accuracy, confidence


def calibration_error(y: np.ndarray, p: np.ndarray) -> float:
    """The expected calibration error over ten bins of equal width.

        ECE = sum_b  n_b / n  |accuracy_b - confidence_b|

    Args:
        y: classes `(samples,)`.
        p: probabilities `(samples, classes)`.

    >>> round(calibration_error(np.array([0, 1]), np.array([[0.9, 0.1], [0.9, 0.1]])), 6)
    0.4

    Reference: Guo et al., On Calibration of Modern Neural Networks, 2017,
    https://arxiv.org/abs/1706.04599
    """
    count, accuracy, confidence = _bins(y, p)
    return float((count * np.abs(accuracy - confidence)).sum() / len(y))


def reliability(y: np.ndarray, p: np.ndarray) -> Any:
    """A figure of accuracy over confidence, with the number of samples in each bin below."""
    count, accuracy, _ = _bins(y, p)
    figure = new_figure(4, 4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    middle = (np.arange(_BINS) + 0.5) / _BINS
    held = count > 0
    above.bar(middle[held], accuracy[held], width=0.9 / _BINS, color="tab:blue")
    above.plot([0, 1], [0, 1], color="gray", linestyle="--", linewidth=1)
    error = calibration_error(y, p)
    above.set(ylabel="accuracy", ylim=(0, 1), title=f"expected calibration error {error:.3f}")
    below.bar(middle, count, width=0.9 / _BINS, color="tab:gray")
    below.set(xlabel="confidence", ylabel="samples", xlim=(0, 1))
    return figure
