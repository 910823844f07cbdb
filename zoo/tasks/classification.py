"""`Classification`: one of several exclusive classes."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from ...callbacks import baseline_loss
from ...core.calibration import expected_calibration_error
from ..losses import CategoricalCrossentropy
from ..metrics import CategoricalAccuracy
from .task import DataError, Task, strings, target_array


@dataclass(frozen=True)
class Classification(Task):
    """One of at least two exclusive classes; the outputs are logits.

    Targets are class names or numbers, `(n,)` or `(n, 1)`, or one-hot rows `(n, classes)`. They are
    encoded as int32 `(n,)`, in the order of `names`.

        loss = - log softmax(z)_y

    Args:
        names: The name of each class.
        classes: The label of each class as it stands in the targets; by default, its name.

    Example:

    >>> task = Classification.fit(np.array(["cat", "ant", "cat"]), "y")
    >>> task.names, task.encode(np.array(["ant", "cat"]), "y").tolist()
    (('ant', 'cat'), [0, 1])
    """

    classes: tuple[str | int, ...] = ()

    kind = "classification"
    metric = "accuracy"
    scores_up = ("accuracy",)

    def __post_init__(self):
        if not self.classes:
            object.__setattr__(self, "classes", self.names)

    @classmethod
    def fit(cls, targets, field, names=None):
        if _is_one_hot(targets):
            width = targets.shape[1]
            columns = tuple(map(str, names or range(width)))
            return cls(columns, tuple(range(width)))
        found = np.unique(_labels(targets, field))
        if len(found) < 2:
            raise DataError(
                f"{field}: all labels are {', '.join(map(repr, found.tolist())) or 'missing'}; a "
                "classification needs at least 2 classes."
            )
        classes = tuple(found.tolist())
        return cls(tuple(map(str, classes)), classes)

    def encode(self, targets, field):
        if _is_one_hot(targets):
            if targets.shape[1] != self.units:
                raise DataError(
                    f"{field}: one-hot labels must have {self.units} columns. "
                    f"Received: shape {targets.shape}."
                )
            return targets.argmax(axis=1).astype("int32")
        labels = _labels(targets, field)
        positions = {label: position for position, label in enumerate(self.classes)}
        unseen = sorted({*np.unique(labels).tolist()} - {*positions})
        if unseen:
            raise DataError(
                f"{field}: labels must be classes of the training part. Received: {unseen[0]!r}."
            )
        distinct, index = np.unique(labels, return_inverse=True)
        return np.array([positions[label] for label in distinct.tolist()], "int32")[index]

    def decode(self, encoded):
        return np.asarray(self.classes)[encoded]

    def strata(self, encoded):
        return encoded

    def loss(self):
        return CategoricalCrossentropy()

    def metrics(self):
        return [CategoricalAccuracy("accuracy")]

    def scores(self, y, outputs):
        log_probabilities = log_softmax(np.asarray(outputs, "float64"), axis=-1)
        return {
            "accuracy": float(np.mean(outputs.argmax(axis=-1) == y)),
            "log_loss": float(-log_probabilities[np.arange(len(y)), y].mean()),
            "calibration_error": expected_calibration_error(np.exp(log_probabilities), y, bins=15),
        }

    def baseline(self, y):
        shares = np.bincount(y, minlength=self.units) / len(y)
        return np.log(np.maximum(shares, np.finfo("float32").tiny))

    def baseline_loss(self, y, sample_weight=None):
        return baseline_loss(y, "crossentropy", sample_weight)

    def summary(self, parts):
        counts = [np.bincount(y, minlength=self.units).tolist() for y in parts.values()]
        return [("class", *parts), *zip(self.names, *counts, strict=True)]


def _is_one_hot(targets: np.ndarray) -> bool:
    if targets.ndim != 2 or targets.shape[1] < 2 or targets.dtype.kind not in "biuf":
        return False
    return bool(((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all())


def _labels(targets: np.ndarray, field: str) -> np.ndarray:
    """Return labels `(n,)`, strings or integers."""
    targets = target_array(targets)
    if targets.ndim == 2 and targets.shape[1] == 1:  # as in keras.datasets.cifar10
        targets = targets[:, 0]
    if targets.ndim != 1:
        raise DataError(
            f"{field}: labels must have shape (samples,) or (samples, 1), or be one-hot rows. "
            f"Received: {targets.shape}."
        )
    if targets.dtype.kind in "OUS":
        if missing := sum(value is None or value != value for value in targets):
            raise DataError(f"{field}: labels must not be missing. Received: {missing} missing.")
        return strings(targets, field, "labels").astype(str)
    if targets.dtype.kind not in "biuf":
        raise DataError(f"{field}: labels must be integers or strings. Received: {targets.dtype}.")
    if targets.dtype.kind == "f":
        whole = np.isfinite(targets) & (targets == np.rint(targets)) & (np.abs(targets) < 2**53)
        if not whole.all():
            position = int(np.argmin(whole))
            raise DataError(
                f"{field}: labels must be integral. Received: {targets[position]:g} at {position}."
            )
    return targets.astype("int64") if targets.dtype.kind in "bf" else targets
