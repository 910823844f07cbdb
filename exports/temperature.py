"""`fit_temperature`: one number that makes a classifier as sure as it is right."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from .calibration_error import checked

__all__ = ["fit_temperature"]

_LARGEST = 100.0  # and 1/100 is the smallest: beyond it the data decides nothing


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature T that makes the labels the most probable, given the logits z.

        T = argmin  - 1/n sum_i log softmax(z_i / T)[y_i]

    Networks that were trained for long are surer than they are right; divided by T > 1 their
    probabilities become honest, and the class that is answered stays the same. In 1/T the negative
    log-likelihood is convex, so that its slope has one zero, which is found by Brent's method.

    Args:
        logits: `(n, classes)`, of validation data: on what the model was trained it is too good.
            Of a model that gives probabilities, their logarithms.
        labels: class ids, `(n,)`.

    Returns:
        T, for `export(..., temperature=T)`.

    Raises:
        ValueError: the shapes do not fit, a label is no class id, or the minimum is not between
            1/100 and 100: the data is all right, or no better than chance.

    Example: right in two of three cases, which is log-odds of log 2.

    >>> round(fit_temperature([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]], [0, 0, 1]), 4)
    2.8854

    Reference: Guo et al., On Calibration of Modern Neural Networks, 2017,
        https://arxiv.org/abs/1706.04599
    """
    rows, classes = checked(logits, labels, "logits")
    low, high = -np.log(_LARGEST), np.log(_LARGEST)  # of log(1 / T)
    flat, steep = (_slope(rows, classes, end) for end in (low, high))
    if flat >= 0 or steep <= 0:
        side = "small" if steep <= 0 else "large"
        raise ValueError(
            "Expected logits and labels whose likelihood is largest at a temperature from 0.01 to "
            f"100. Received: {len(rows)} samples for which no temperature is too {side}"
        )
    return float(np.exp(-brentq(lambda log_beta: _slope(rows, classes, log_beta), low, high)))


def _slope(logits: np.ndarray, labels: np.ndarray, log_beta: float) -> float:
    """The derivative of the negative log-likelihood in beta = 1 / T: the mean of E_p[z] - z_y."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    powers = np.exp(np.exp(log_beta) * shifted)
    expected = (powers * shifted).sum(axis=-1) / powers.sum(axis=-1)
    return float(np.mean(expected - shifted[np.arange(len(labels)), labels]))
