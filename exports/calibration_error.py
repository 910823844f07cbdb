"""`expected_calibration_error`: how far the probabilities are from how often they are right."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["expected_calibration_error"]


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, bins: int = 15
) -> float:
    """The gap between confidence and accuracy, on average over the samples.

    The samples are sorted into B_1, ..., B_M by their confidence, the largest probability, into
    intervals ((m - 1) / M, m / M]:

        ECE = sum_m |B_m| / n  |accuracy(B_m) - confidence(B_m)|

    Args:
        probabilities: `(n, classes)`.
        labels: class ids, `(n,)`.
        bins: M.

    Raises:
        ValueError: the shapes do not fit, there is no sample, a label is no class id, or `bins` is
            below 1.

    Example: three samples with a confidence of 0.8, of which two are right.

    >>> p = [[0.8, 0.2], [0.2, 0.8], [0.8, 0.2]]
    >>> round(expected_calibration_error(p, [0, 1, 1]), 4)
    0.1333

    Reference: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3,
        https://arxiv.org/abs/1706.04599
    """
    rows, classes = checked(probabilities, labels, "probabilities")
    if bins < 1:
        raise ValueError(f"bins must be an integer >= 1. Received: bins={bins!r}")
    confidence = rows.max(axis=-1)
    right = rows.argmax(axis=-1) == classes
    edges = np.arange(1, bins) / bins
    chosen = np.searchsorted(edges, confidence, side="left")
    gaps = np.bincount(chosen, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(rows))


def checked(rows: ArrayLike, labels: ArrayLike, name: str) -> tuple[np.ndarray, np.ndarray]:
    """`rows`, called `name`, as float64 `(n, classes)` and `labels` as class ids `(n,)`."""
    array, classes = np.asarray(rows, "float64"), np.asarray(labels)
    if array.ndim != 2 or array.shape[1] < 2 or not len(array) or not np.isfinite(array).all():
        raise ValueError(
            f"Expected finite {name} of shape (n, classes), n >= 1 and classes >= 2. "
            f"Received: the shape {array.shape}"
        )
    if classes.shape != array.shape[:1] or classes.dtype.kind not in "iu":
        raise ValueError(
            f"Expected labels of shape ({len(array)},), integer class ids. "
            f"Received: {classes.dtype} {classes.shape}"
        )
    if classes.min() < 0 or classes.max() >= array.shape[1]:
        raise ValueError(
            f"Expected labels from 0 to {array.shape[1] - 1}. "
            f"Received: {classes.min()} to {classes.max()}"
        )
    return array, classes
