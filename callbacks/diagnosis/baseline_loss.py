"""`baseline_loss`: what it costs to know the labels' distribution and nothing else."""

from typing import Any

import numpy as np
from scipy.special import entr

from ..fit_data import as_array

__all__ = ["baseline_loss"]


def baseline_loss(labels: Any, loss: str = "crossentropy", sample_weight: Any = None) -> float:
    """The loss of the best constant prediction.

        crossentropy          - sum_k p_k log p_k                     p: the classes' shares
        binary_crossentropy   mean_k -(p_k log p_k + q_k log q_k)     p: means of columns, q = 1 - p
        mse                   mean (y - mean y)^2
        mae                   mean |y - median y|

    With weights w the means, shares and medians are weighted ones, and the loss is the mean of the
    samples' losses times their weights, as Keras computes it: not divided by the mean of w.

    Args:
        labels: for the cross-entropy class numbers `(n,)` or `(n, 1)` or rows of probabilities
            `(n, classes)`; for the others targets of any shape `(n, ...)`, each column with a
            constant of its own, for the binary cross-entropy in [0, 1].
        loss: one of the four.
        sample_weight: `(n,)` or `(n, 1)`, not negative; `None` for equal ones of 1.

    Raises:
        ValueError: an unknown loss, or labels or weights that are empty, not finite, or not of that
            form.

    >>> round(baseline_loss([0, 1, 0, 1]), 4), baseline_loss([1.0, 3.0], "mse")
    (0.6931, 1.0)
    >>> baseline_loss([1.0, 3.0, 4.0], "mse", sample_weight=[2, 2, 0])
    1.3333333333333333
    """
    if loss not in _LOSSES:
        raise ValueError(
            "baseline_loss: `loss` must be 'crossentropy', 'binary_crossentropy', 'mse' or 'mae'. "
            f"Received: loss={loss!r}"
        )
    labels = _numbers("labels", labels)
    weights = _weights(sample_weight, len(labels))
    return float(weights.mean() * _LOSSES[loss](labels, weights / weights.sum()))


def _crossentropy(labels: np.ndarray, weights: np.ndarray) -> float:
    return entr(_shares(labels, weights)).sum()


def _binary_crossentropy(labels: np.ndarray, weights: np.ndarray) -> float:
    if labels.min() < 0 or labels.max() > 1:
        raise ValueError(
            "baseline_loss: for the binary cross-entropy `labels` must be in [0, 1]. "
            f"Received: from {labels.min():g} to {labels.max():g}"
        )
    shares = np.average(labels, axis=0, weights=weights)
    return np.mean(entr(shares) + entr(1 - shares))


def _mse(labels: np.ndarray, weights: np.ndarray) -> float:
    errors = np.square(labels - np.average(labels, axis=0, weights=weights))
    return np.average(errors, axis=0, weights=weights).mean()


def _mae(labels: np.ndarray, weights: np.ndarray) -> float:
    median = np.quantile(labels, 0.5, axis=0, weights=weights, method="inverted_cdf")
    return np.average(np.abs(labels - median), axis=0, weights=weights).mean()


_LOSSES = {
    "crossentropy": _crossentropy,
    "binary_crossentropy": _binary_crossentropy,
    "mse": _mse,
    "mae": _mae,
}


def _numbers(argument: str, values: Any) -> np.ndarray:
    array = np.asarray(as_array(values))
    if array.dtype.kind in "OUST":
        try:
            array = array.astype("float64")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"baseline_loss: `{argument}` must be numbers; of names make class numbers, as "
                f"np.unique(labels, return_inverse=True)[1]. Received: {array.flat[0]!r} (the "
                "first) and the like"
            ) from error
    array = array.astype("float64")
    if not array.size or not np.isfinite(array).all():
        raise ValueError(
            f"baseline_loss: `{argument}` must be finite numbers, at least one. "
            f"Received: {array.size} {argument}, {np.sum(~np.isfinite(array))} of them not finite"
        )
    return array


def _weights(sample_weight: Any, samples: int) -> np.ndarray:
    if sample_weight is None:
        return np.ones(samples)
    weights = _numbers("sample_weight", sample_weight)
    if weights.size != samples or len(weights) != samples or weights.min() < 0 or not weights.any():
        raise ValueError(
            "baseline_loss: `sample_weight` must be a weight >= 0 of each sample, not all of them "
            f"0. Received: shape {weights.shape}, the least {weights.min():g}, for {samples} labels"
        )
    return weights.reshape(-1)


def _shares(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The share of each class; `weights` sum to 1."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        sums = labels.sum(axis=1)
        if labels.min() < 0 or not np.allclose(sums, 1.0, atol=1e-3):
            raise ValueError(
                "baseline_loss: rows of `labels` must be probabilities of classes, which sum to 1 "
                "(for several labels a sample give loss='binary_crossentropy'). Received: rows "
                f"that sum to {sums[np.argmax(np.abs(sums - 1))]:g} and the like"
            )
        return weights @ labels
    if labels.size != len(labels) or not np.array_equal(labels, np.round(labels)):
        raise ValueError(
            "baseline_loss: for the cross-entropy `labels` must be class numbers (n,) or (n, 1), "
            "or probabilities (n, classes); for a regression give loss='mse' or 'mae'. "
            f"Received: shape {labels.shape}, first {labels.flat[0]:g}"
        )
    return np.bincount(np.unique(labels, return_inverse=True)[1].ravel(), weights)
