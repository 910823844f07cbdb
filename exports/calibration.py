"""Temperature scaling, and the expected calibration error of a classifier."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ..core import calibration
from ..core.arrays import float_array
from ..core.checks import check_integer

_LARGEST = 100.0  # temperature; the smallest is 1/100


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Return the temperature T that minimizes the negative log-likelihood of the labels.

        T = argmin  - 1/n sum_i log softmax(z_i / T)[y_i]

    Networks that are trained for long are overconfident. Dividing their logits z by T > 1 lowers
    the confidence and keeps the predicted classes. The objective is convex in 1/T: Brent's method
    finds the zero of its slope. Pass T to `export(..., temperature=T)`.

    Args:
        logits: Outputs of shape `(n, classes)` on validation data, or logarithms of probabilities.
        labels: Class ids of shape `(n,)`.

    Raises:
        ValueError: If the shapes do not fit, a label is not a class id, or the minimum is not
            between 1/100 and 100, since all predictions are right or none better than chance.

    Example: two of three predictions are right, which is a log-odds of log 2.

    >>> round(fit_temperature([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]], [0, 0, 1]), 4)
    2.8854

    Reference: Guo et al., On Calibration of Modern Neural Networks, 2017,
        https://arxiv.org/abs/1706.04599
    """
    rows, classes = _checked(logits, labels, "logits")
    low, high = -np.log(_LARGEST), np.log(_LARGEST)  # of log(1 / T)
    flat, steep = (_slope(rows, classes, end) for end in (low, high))
    if flat >= 0 or steep <= 0:
        end = "0.01" if steep <= 0 else "100"
        raise ValueError(
            "Could not fit a temperature between 0.01 and 100: "
            f"the likelihood of the {len(rows)} samples is largest at {end} or beyond."
        )
    return float(np.exp(-brentq(lambda log_beta: _slope(rows, classes, log_beta), low, high)))


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, bins: int = 15
) -> float:
    """Return the mean gap between confidence and accuracy.

    The confidence of a sample is its largest probability. Bin B_m holds the samples with a
    confidence in ((m - 1) / M, m / M]:

        ECE = sum_m |B_m| / n  |accuracy(B_m) - confidence(B_m)|

    Args:
        probabilities: Probabilities of shape `(n, classes)`.
        labels: Class ids of shape `(n,)`.
        bins: The number M of bins.

    Raises:
        ValueError: If the shapes do not fit, or a label or `bins` is out of range.

    Example: three samples with a confidence of 0.8, two of them right.

    >>> p = [[0.8, 0.2], [0.2, 0.8], [0.8, 0.2]]
    >>> round(expected_calibration_error(p, [0, 1, 1]), 4)
    0.1333

    Reference: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3,
        https://arxiv.org/abs/1706.04599
    """
    rows, classes = _checked(probabilities, labels, "probabilities")
    check_integer("bins", bins, 1)
    return calibration.expected_calibration_error(rows, classes, bins)


def _slope(logits: np.ndarray, labels: np.ndarray, log_beta: float) -> float:
    """Return the slope of the negative log-likelihood in beta = 1 / T: the mean of E_p[z] - z_y."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    powers = np.exp(np.exp(log_beta) * shifted)
    expected = (powers * shifted).sum(axis=-1) / powers.sum(axis=-1)
    return float(np.mean(expected - shifted[np.arange(len(labels)), labels]))


def _checked(rows: ArrayLike, labels: ArrayLike, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return `rows` as float64 `(n, classes)` and `labels` as class ids `(n,)`."""
    array = float_array(name, rows, "finite numbers of shape (n, classes)")
    classes = np.asarray(labels)
    if array.ndim != 2 or array.shape[1] < 2 or not len(array) or not np.isfinite(array).all():
        raise ValueError(
            f"`{name}` must be finite numbers of shape (n, classes), n >= 1 and classes >= 2. "
            f"Received: shape {array.shape}, {np.sum(~np.isfinite(array))} values not finite"
        )
    if classes.shape != array.shape[:1] or classes.dtype.kind not in "iu":
        raise ValueError(
            f"`labels` must be integer class ids of shape ({len(array)},). "
            f"Received: {classes.dtype} of shape {classes.shape}"
        )
    if classes.min() < 0 or classes.max() >= array.shape[1]:
        raise ValueError(
            f"`labels` must be from 0 to {array.shape[1] - 1}. "
            f"Received: {classes.min()} to {classes.max()}"
        )
    return array, classes
