"""Curves of precision over recall, for TensorBoard's PR Curves dashboard."""

from collections.abc import Sequence

import numpy as np
from tensorboard.plugins.pr_curve import metadata

from . import summaries
from .protos import Summary

__all__ = ["precision_recall", "precision_recall_curves"]

_THRESHOLDS = 101
_SHOWN = 20  # classes


def precision_recall(truth: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Counts and rates at 101 thresholds from 0 to 1, `(6, 101)`.

    The rows are true positives, false positives, true negatives, false negatives, precision and
    recall of the answer "yes" where `score >= threshold`; precision is 1 where no answer is yes.

    Args:
        truth: bools.
        score: probabilities, of the same shape.

    >>> table = precision_recall(np.array([True, False]), np.array([0.9, 0.4]))
    >>> table[:, 50].tolist()
    [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]
    """
    truth, score = truth.ravel(), score.ravel()
    last = np.floor(score * (_THRESHOLDS - 1) + 1e-9).astype(int)  # the last threshold it reaches
    hits, false = (
        np.cumsum(np.bincount(last[rows], minlength=_THRESHOLDS)[::-1])[::-1]
        for rows in (truth, ~truth)
    )
    precision = np.where(hits + false > 0, hits / np.maximum(hits + false, 1), 1.0)
    recall = hits / max(truth.sum(), 1)
    misses, right = truth.sum() - hits, (~truth).sum() - false
    return np.stack([hits, false, right, misses, precision, recall]).astype("float64")


def precision_recall_curves(
    y: np.ndarray, p: np.ndarray, class_names: Sequence[str]
) -> list[Summary]:
    """A curve over all answers together, and up to 20 classes one for each against the others."""
    truth = np.eye(p.shape[1], dtype=bool)[y]
    curves = {"all classes": (truth, p)}
    if len(class_names) <= _SHOWN:
        curves |= {str(name): (truth[:, k], p[:, k]) for k, name in enumerate(class_names)}
    return [_summary(name, *curve) for name, curve in curves.items()]


def _summary(name: str, truth: np.ndarray, score: np.ndarray) -> Summary:
    about = metadata.create_summary_metadata(
        display_name=f"precision_recall/{name}", description="", num_thresholds=_THRESHOLDS
    )
    table = precision_recall(truth, score).astype("float32")
    return summaries.tensor(f"precision_recall/{name}/pr_curves", table, about)
