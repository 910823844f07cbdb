"""`Multilabel`: any number of independent labels for each sample."""

from dataclasses import dataclass

import keras
import numpy as np
from scipy.special import expit, logit

from ...callbacks import baseline_loss
from .task import DataError, Task


@dataclass(frozen=True)
class Multilabel(Task):
    """Independent yes/no labels; the outputs are logits, and a label is predicted above 0.

    Targets are a binary matrix `(n, labels)`, encoded as float32.

        loss = mean_k  - y_k log p_k - (1 - y_k) log(1 - p_k),    p = sigmoid(z)

    Args:
        names: The name of each label.

    Example:

    >>> task = Multilabel(("red", "blue"))
    >>> y, outputs = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[3.0, -2.0], [2.0, -1.0]])
    >>> task.scores(y, outputs)["subset_accuracy"]
    0.5
    """

    kind = "multilabel"
    metric = "label_accuracy"
    scores_up = ("macro_f1", "micro_f1", "mean_average_precision", "subset_accuracy")

    @classmethod
    def fit(cls, targets, field, names=None):
        _check_binary(targets, field)
        return cls(tuple(map(str, names or range(targets.shape[1]))))

    def encode(self, targets, field):
        _check_binary(targets, field)
        if targets.shape[1] != self.units:
            raise DataError(
                f"{field}: targets must have {self.units} columns. Received: shape {targets.shape}."
            )
        return targets.astype("float32")

    def decode(self, encoded):
        return encoded.astype("int8")

    def strata(self, encoded):
        return None

    def loss(self):
        return keras.losses.BinaryCrossentropy(from_logits=True)

    def metrics(self):
        label_accuracy = keras.metrics.BinaryAccuracy("label_accuracy", threshold=0.0)
        return [label_accuracy]

    def scores(self, y, outputs):
        predicted, true = outputs > 0, y > 0.5
        p = np.clip(expit(np.asarray(outputs, "float64")), 1e-15, 1 - 1e-15)
        present = true.any(axis=0)  # average precision is not defined without a positive sample
        precisions = [average_precision(true[:, k], p[:, k]) for k in np.flatnonzero(present)]
        hits, count = 2 * (true & predicted).sum(axis=0), (true.sum(axis=0) + predicted.sum(axis=0))
        return {
            "macro_f1": float(np.mean(hits / np.maximum(count, 1))),
            "micro_f1": float(hits.sum() / max(count.sum(), 1)),
            "mean_average_precision": float(np.mean(precisions)) if precisions else 0.0,
            "subset_accuracy": float(np.mean((predicted == true).all(axis=1))),
            "log_loss": float(-np.mean(np.where(true, np.log(p), np.log1p(-p)))),
        }

    def baseline(self, y):
        return logit(np.clip(y.mean(axis=0), 1e-7, 1 - 1e-7))

    def baseline_loss(self, y, sample_weight=None):
        return baseline_loss(y, "binary_crossentropy", sample_weight)

    def summary(self, parts):
        counts = [y.sum(axis=0).astype(int).tolist() for y in parts.values()]
        return [("label", *parts), *zip(self.names, *counts, strict=True)]


def average_precision(true: np.ndarray, p: np.ndarray) -> float:
    """Return the area under the steps of precision over recall, for booleans and probabilities.

        AP = sum_k (R_k - R_{k-1}) P_k

    over the distinct probabilities, as in scikit-learn, but fast enough for a bootstrap. At least
    one sample must be true.

    >>> round(average_precision(np.array([True, False, True]), np.array([0.9, 0.8, 0.7])), 4)
    0.8333
    """
    order = np.argsort(-p, kind="stable")
    hits = np.cumsum(true[order])
    last = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))  # of equal probabilities
    return float(np.diff(hits[last], prepend=0) @ (hits[last] / (last + 1)) / hits[-1])


def _check_binary(targets: np.ndarray, field: str) -> None:
    if targets.ndim != 2 or targets.dtype.kind not in "biuf":
        raise DataError(
            f"{field}: the targets of multilabel must be a matrix (samples, labels) of 0 and 1. "
            f"Received: shape {targets.shape} of {targets.dtype}."
        )
    wrong = np.argwhere((targets != 0) & (targets != 1))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise DataError(
            f"{field}: the targets of multilabel must be 0 or 1. "
            f"Received: {targets[place]} at {list(place)}."
        )
