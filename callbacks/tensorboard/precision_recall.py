"""Curves of precision over recall, for TensorBoard's PR Curves dashboard."""

from collections.abc import Sequence

import numpy as np

from .protos import Summary

__all__ = ["precision_recall_curves"]

_THRESHOLDS = 101
_SHOWN = 20  # classes


def precision_recall_curves(
    y: np.ndarray, p: np.ndarray, class_names: Sequence[str]
) -> list[Summary]:
    """A curve over all answers together, and up to 20 classes one for each against the others.

    Each has precision and recall at 101 thresholds from 0 to 1.

    Args:
        y: classes `(samples,)`.
        p: probabilities `(samples, classes)`.
        class_names: of the classes.
    """
    truth = np.eye(p.shape[1], dtype=bool)[y]
    curves = {"all classes": (truth, p)}
    if len(class_names) <= _SHOWN:
        curves |= {str(name): (truth[:, k], p[:, k]) for k, name in enumerate(class_names)}
    return [_summary(f"precision_recall/{name}", *curve) for name, curve in curves.items()]


def _summary(name: str, truth: np.ndarray, score: np.ndarray) -> Summary:
    from tensorboard.plugins.pr_curve import summary  # here, since it imports TensorFlow

    made = summary.pb(name, truth.ravel(), score.ravel(), num_thresholds=_THRESHOLDS)
    # A message of TensorFlow's own copy of the class.
    return Summary.FromString(made.SerializeToString())
