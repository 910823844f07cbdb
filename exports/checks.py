"""`Checks`: the data, limits and baseline for the gates of an export."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ..core.checks import check_number, check_path, message
from .heads import Head
from .specs import checked_features


@dataclass(frozen=True)
class Checks:
    """The data, limits and baseline for the gates of an export.

    Args:
        data: A pair: features by input name, and targets: class ids or class names of shape
            `(n,)`; for multilabel, 0 and 1 of shape `(n, labels)`; for regression, numbers of shape
            `(n, targets)`, or `(n,)` for one target. On it, the export must be as good as the model
            and as the live version: the one labelled `stable`, or else the latest. A live version
            with other inputs, labels or targets, or of another task is ignored.
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
        TypeError: If `data` is not a pair, or its features are not by input name.
        ValueError: If another argument is out of range.

    Example:

    >>> from occam import exports
    >>> checks = exports.Checks(data=({"x": [[0.0, 1.0]]}, ["bee"]), max_accuracy_drop=0.02)
    >>> exports.Checks(min_agreement=98)
    Traceback (most recent call last):
    ValueError: `min_agreement` must be a number in [0, 1]. Received: min_agreement=98
    """

    data: tuple[Mapping[str, Any], Any] | None = None
    max_accuracy_drop: float = 0.01
    max_r2_drop: float = 0.01
    baseline_model: str | os.PathLike[str] | None = None
    latency_ratio: float = 1.5
    min_agreement: float = 0.98
    max_nll_increase: float = 0.05

    def __post_init__(self):
        if self.data is not None:
            _check_pair(self.data)
        check_number("max_accuracy_drop", self.max_accuracy_drop, "[0, 1]")
        check_number("max_r2_drop", self.max_r2_drop, "[0, inf]")
        check_path("baseline_model", self.baseline_model, optional=True)
        check_number("latency_ratio", self.latency_ratio, "(0, inf]")
        check_number("min_agreement", self.min_agreement, "[0, 1]")
        check_number("max_nll_increase", self.max_nll_increase, "[0, inf]")


def check_data(
    data: tuple[Mapping[str, Any], Any] | None, specs: Mapping[str, tf.TensorSpec], head: Head
) -> None:
    """Raise an `ExportError`, `TypeError` or `ValueError` for other inputs or targets."""
    if data is not None:
        checked_features(specs, data[0], f"{sorted(data[0])} in the data of checks")
        head.targets(data[1])


def _check_pair(data: Any) -> None:
    pair = isinstance(data, tuple | list) and len(data) == 2
    if not (pair and isinstance(data[0], Mapping)):
        expected = "features by input name and targets, such as ({'x': array}, targets)"
        raise TypeError(message("data", data, expected))
    features, targets = data[0], np.asarray(data[1])
    rows = {name: len(x) if np.iterable(x) else 0 for name, x in features.items()}
    count = len(targets) if targets.ndim else 0
    if count == 0 or {*rows.values()} != {count}:
        raise ValueError(
            "`data` must have as many targets as rows of each input, at least one. "
            f"Received: {count} targets and rows {rows}"
        )
