"""`Checks`: the data, limits and baseline for the gates of an export."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ..core.checks import check_number, check_path
from .heads import Head
from .specs import check_pair, features_of


@dataclass(frozen=True)
class Checks:
    """The data, limits and baseline for the gates of an export.

    Args:
        data: A pair: features by input name, or of the one input; and targets: class ids or class
            names of shape `(n,)`; for multilabel, 0 and 1 of shape `(n, labels)`; for regression,
            numbers of shape `(n, targets)`, or `(n,)` for one target. On it, the export must be as
            good as the model and as the live version: the one labelled `stable`, or else the
            latest. A live version with other inputs, labels or targets, or of another task is
            ignored.
        max_accuracy_drop: The largest accepted decrease of the accuracy of a classifier, or of
            macro F1 and subset accuracy of a multilabel classifier.
        max_r2_drop: The largest accepted decrease of R2 of a regression, the mean of its targets.
        baseline_model: The directory of a SavedModel of the same inputs in the same order, to
            compare the latency with, or None.
        latency_ratio: The largest accepted latency, as a multiple of the latency of the baseline.
        min_agreement: The smallest accepted share of the class ids or labels of `data` in which an
            approximate format agrees with the model; for regression, the smallest accepted R2 of
            its values with the model's.
        max_nll_increase: The largest accepted increase of the negative log-likelihood of `data` by
            an approximate format, in nats.

    Raises:
        TypeError: If `data` is not a pair.
        ValueError: If another argument is out of range.

    Example:

    >>> from occam import exports
    >>> checks = exports.Checks(data=({"x": [[0.0, 1.0]]}, ["bee"]), max_accuracy_drop=0.02)
    >>> exports.Checks(min_agreement=98)
    Traceback (most recent call last):
    ValueError: `min_agreement` must be a number in [0, 1]. Received: min_agreement=98
    """

    data: tuple[Any, Any] | None = None
    max_accuracy_drop: float = 0.01
    max_r2_drop: float = 0.01
    baseline_model: str | os.PathLike[str] | None = None
    latency_ratio: float = 1.5
    min_agreement: float = 0.98
    max_nll_increase: float = 0.05

    def __post_init__(self):
        if self.data is not None:
            check_pair(self.data)
            _check_rows(*self.data)
        check_number("max_accuracy_drop", self.max_accuracy_drop, "[0, 1]")
        check_number("max_r2_drop", self.max_r2_drop, "[0, inf]")
        check_path("baseline_model", self.baseline_model, optional=True)
        check_number("latency_ratio", self.latency_ratio, "(0, inf]")
        check_number("min_agreement", self.min_agreement, "[0, 1]")
        check_number("max_nll_increase", self.max_nll_increase, "[0, inf]")


def checked_data(checks: Checks, specs: Mapping[str, tf.TensorSpec], head: Head) -> Checks:
    """Return the checks with features by input name.

    Raise an `ExportError`, `TypeError` or `ValueError` for other inputs or targets.
    """
    if checks.data is None:
        return checks
    features, targets = checks.data
    named = features_of(specs, features, " in the data of checks")
    head.targets(targets)
    return dataclasses.replace(checks, data=(named, targets))


def _check_rows(features: Any, targets: Any) -> None:
    if isinstance(targets, Mapping):
        raise ValueError(
            "`data` must have the targets of a single output as an array. A model of several "
            f"outputs has no metric: leave `data` out. Received: targets of {sorted(targets)}"
        )
    features = features if isinstance(features, Mapping) else {"x": features}
    targets = np.asarray(targets)
    rows = {name: len(x) if np.iterable(x) else 0 for name, x in features.items()}
    count = len(targets) if targets.ndim else 0
    if count == 0 or {*rows.values()} != {count}:
        raise ValueError(
            "`data` must have as many targets as rows of each input, at least one. "
            f"Received: {count} targets and rows {rows}"
        )
