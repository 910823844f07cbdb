"""Calibration: whether the confidence of a classifier is its accuracy."""

import numpy as np


def calibration_bins(
    probabilities: np.ndarray, labels: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the counts, accuracies and mean confidences of bins of equal width.

    The confidence of a sample is its largest probability. Bin m of M holds the samples with a
    confidence in ((m - 1) / M, m / M]. The accuracy and confidence of an empty bin are 0.

    Args:
        probabilities: Probabilities of shape `(n, classes)`.
        labels: Class ids of shape `(n,)`.
        bins: The number M of bins.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    return reliability_bins(confidence, right, bins)


def reliability_bins(
    probability: np.ndarray, happened: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the counts, frequencies and mean probabilities of the bins of `calibration_bins`.

    Args:
        probability: The predicted probability of an event, `(n,)`.
        happened: Whether it happened, `(n,)`.
        bins: The number of bins.
    """
    index = np.searchsorted(np.arange(1, bins) / bins, probability, side="left")
    counts = np.bincount(index, minlength=bins)
    sums = (np.bincount(index, each, bins) for each in (happened, probability))
    frequency, mean_probability = (total / np.maximum(counts, 1) for total in sums)
    return counts, frequency, mean_probability


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> float:
    """Return the mean gap between confidence and accuracy, for `calibration_bins` B_1, ..., B_M.

        ECE = sum_m |B_m| / n  |accuracy(B_m) - confidence(B_m)|

    Example: three samples with a confidence of 0.8, two of them right.

    >>> p = np.array([[0.8, 0.2], [0.2, 0.8], [0.8, 0.2]])
    >>> round(expected_calibration_error(p, np.array([0, 1, 1]), 10), 4)
    0.1333

    Reference: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3,
    https://arxiv.org/abs/1706.04599
    """
    counts, accuracy, confidence = calibration_bins(probabilities, labels, bins)
    return float((counts * np.abs(accuracy - confidence)).sum() / len(labels))
