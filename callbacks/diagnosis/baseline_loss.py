"""`baseline_loss`: what it costs to know the labels' distribution and nothing else."""

from typing import Any

import numpy as np

__all__ = ["baseline_loss"]


def baseline_loss(labels: Any, loss: str = "crossentropy") -> float:
    """The loss of the best constant prediction.

        crossentropy   - sum_k p_k log p_k    p: the classes' shares of the labels
        mse            mean (y - mean y)^2
        mae            mean |y - median y|

    Args:
        labels: for the cross-entropy class numbers `(n,)` or `(n, 1)` or rows of probabilities
            `(n, classes)`; for the others targets of any shape `(n, ...)`, each column with a
            constant of its own.
        loss: one of the three.

    Raises:
        ValueError: an unknown loss, or labels that are empty, not finite, or not of that form.

    >>> round(baseline_loss([0, 1, 0, 1]), 4), baseline_loss([1.0, 3.0], "mse")
    (0.6931, 1.0)
    """
    labels = np.asarray(labels, "float64")
    if not labels.size or not np.isfinite(labels).all():
        raise ValueError(
            f"baseline_loss: `labels` must be finite numbers, at least one. "
            f"Received: {labels.size} labels, {np.sum(~np.isfinite(labels))} of them not finite"
        )
    if loss == "crossentropy":
        shares = _shares(labels)
        shares = shares[shares > 0]
        return float(-np.sum(shares * np.log(shares)))
    if loss == "mse":
        return float(np.mean(np.square(labels - labels.mean(axis=0))))
    if loss == "mae":
        return float(np.mean(np.abs(labels - np.median(labels, axis=0))))
    raise ValueError(
        f"baseline_loss: `loss` must be 'crossentropy', 'mse' or 'mae'. Received: loss={loss!r}"
    )


def _shares(labels: np.ndarray) -> np.ndarray:
    """The share of each class."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        if labels.min() < 0 or not np.allclose(labels.sum(axis=1), 1.0, atol=1e-3):
            raise ValueError(
                "baseline_loss: rows of `labels` must be probabilities of classes, which sum to 1. "
                f"Received: rows that sum to {labels[0].sum():g} (the first) and the like"
            )
        return labels.mean(axis=0)
    if labels.size != len(labels) or not np.array_equal(labels, np.round(labels)):
        raise ValueError(
            "baseline_loss: for the cross-entropy `labels` must be class numbers (n,) or (n, 1), "
            "or probabilities (n, classes); for a regression give loss='mse' or 'mae'. "
            f"Received: shape {labels.shape}, first {labels.flat[0]:g}"
        )
    return np.unique(labels, return_counts=True)[1] / labels.size
