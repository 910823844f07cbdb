"""`Checks`: the data, limits and baseline for the gates of an export."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ..core.checks import check_number, check_path, message
from .errors import ExportError
from .specs import checked_features


@dataclass(frozen=True)
class Checks:
    """The data, limits and baseline for the gates of an export.

    Args:
        data: A pair: features by input name, and labels of shape `(n,)`, class ids or class names.
            On it, the export must be as accurate as the model and as the live version: the one
            labelled `stable`, or else the latest. A live version with other inputs is ignored.
        max_accuracy_drop: The largest accepted decrease of the accuracy.
        baseline_model: The directory of a SavedModel of the same inputs in the same order, to
            compare the latency with, or None.
        latency_ratio: The largest accepted latency, as a multiple of the latency of the baseline.
        min_agreement: The smallest accepted share of the class ids of `data` in which an
            approximate format agrees with the model.
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
    baseline_model: str | os.PathLike[str] | None = None
    latency_ratio: float = 1.5
    min_agreement: float = 0.98
    max_nll_increase: float = 0.05

    def __post_init__(self):
        if self.data is not None:
            _check_pair(self.data)
        check_number("max_accuracy_drop", self.max_accuracy_drop, "[0, 1]")
        check_path("baseline_model", self.baseline_model, optional=True)
        check_number("latency_ratio", self.latency_ratio, "(0, inf]")
        check_number("min_agreement", self.min_agreement, "[0, 1]")
        check_number("max_nll_increase", self.max_nll_increase, "[0, inf]")


def check_data(
    data: tuple[Mapping[str, Any], Any] | None,
    specs: Mapping[str, tf.TensorSpec],
    class_names: Sequence[str],
) -> None:
    """Raise an `ExportError`, `TypeError` or `ValueError` for other inputs or classes."""
    if data is None:
        return
    features, labels = data[0], np.asarray(data[1])
    checked_features(specs, features, f"{sorted(features)} in the data of checks")
    ids = labels.dtype.kind in "iu"
    known = range(len(class_names)) if ids else set(class_names)
    if unknown := [label for label in np.unique(labels).tolist() if label not in known]:
        expected = f"from 0 to {len(class_names) - 1}" if ids else f"among {list(class_names)}"
        raise ExportError(f"`data` must have labels {expected}. Received: {unknown[:10]}")


def _check_pair(data: Any) -> None:
    pair = isinstance(data, tuple | list) and len(data) == 2
    if not (pair and isinstance(data[0], Mapping)):
        expected = "features by input name and labels, such as ({'x': array}, labels)"
        raise TypeError(message("data", data, expected))
    features, array = data[0], np.asarray(data[1])
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iuU"):
        raise ValueError(
            "`data` must have labels of shape (n,), class ids or names. Received: "
            f"labels of dtype {array.dtype} and shape {array.shape}"
        )
    rows = {name: len(x) if np.iterable(x) else 0 for name, x in features.items()}
    if array.size == 0 or {*rows.values()} != {array.size}:
        raise ValueError(
            "`data` must have as many labels as rows of each input, at least one. "
            f"Received: {array.size} labels and rows {rows}"
        )
