"""`Given`: targets that are passed on as they are, for a model that its user has compiled."""

import math
from dataclasses import dataclass

import numpy as np

from .task import DataError, Task


@dataclass(frozen=True)
class Given(Task):
    """Targets of any form, for a model that is compiled with a loss for them.

    They may be nested, for a model with several outputs. Loss and metrics are those of the model,
    so there are no other scores and no baseline.

    Example:

    >>> Given().encode({"price": [1.0], "sold": [0]}, "y")
    {'price': array([1.]), 'sold': array([0])}
    """

    names: tuple[str, ...] = ()

    kind = "given"
    metric = "data_loss"
    scores_up = ()

    @classmethod
    def fit(cls, targets, field, names=None):
        return cls()

    def encode(self, targets, field):
        return _containers(targets)

    def decode(self, encoded):
        return encoded

    def strata(self, encoded):
        return None

    def loss(self):
        raise DataError("Only a compiled model has a loss for targets of the task 'given'.")

    def metrics(self):
        return []

    def scores(self, y, outputs):
        return {}

    def baseline(self, y):
        return np.empty(0)

    def baseline_loss(self, y, sample_weight=None):
        return math.nan

    def summary(self, parts):
        return [("targets", *parts)]


def _containers(targets):
    """Return nested arrays, with a list of numbers taken for one array."""
    if isinstance(targets, dict):
        return {name: _containers(value) for name, value in targets.items()}
    if isinstance(targets, list | tuple) and not all(np.isscalar(value) for value in targets):
        return tuple(map(_containers, targets))  # tf.data takes a list for one array
    array = np.asarray(targets)
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise DataError(
            "The targets of a compiled model must be finite numbers. "
            f"Received: {array.dtype}{' with NaN or inf' if array.dtype.kind == 'f' else ''}."
        )
    return array
