"""`Checks`: what an export is judged by besides the model itself."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from .errors import ExportError
from .features import checked_features

__all__ = ["Checks", "check_data"]

_SHOWN = 10  # wrong labels


@dataclass(frozen=True)
class Checks:
    """What an export is judged by besides the model itself.

    Args:
        data: features by input name and labels `(n,)`, class ids or class names, of a row or more.
            On it, the export must be as accurate as the model and as the version that is served
            now: the one labelled `stable`, or else the latest. A version with other inputs is not
            compared with.
        allowed_drop: how much lower the accuracy may be.
        plain: a SavedModel of the same inputs in the same order, to be compared with in speed; None
            measures nothing.
        latency_ratio: how many times as long as `plain` one row may take.
        least_agreement: on `data`, the share of class ids in which an approximate format must agree
            with the model.
        allowed_rise: on `data`, how much higher its negative log-likelihood may be, in nats.
        in_c: whether a program in C, by TensorFlow's C API, must load it and get the same answers;
            None: where there is a C compiler. It takes about a second, once a process.

    Raises:
        TypeError: `data` is no pair, or its features are not by input name.
        ValueError: an argument is not what it should be.
    """

    data: tuple[Mapping[str, np.ndarray], Any] | None = None
    allowed_drop: float = 0.01
    plain: str | os.PathLike[str] | None = None
    latency_ratio: float = 1.5
    least_agreement: float = 0.98
    allowed_rise: float = 0.05
    in_c: bool | None = None

    def __post_init__(self):
        if self.data is not None:
            _check_pair(self.data)
            _check_labels(self.data[1])
            _check_rows(*self.data)
        if not 0 <= self.allowed_drop <= 1:
            raise ValueError(
                f"allowed_drop must be from 0 to 1. Received: allowed_drop={self.allowed_drop!r}"
            )
        if not self.latency_ratio > 0:
            raise ValueError(
                f"latency_ratio must be positive. Received: latency_ratio={self.latency_ratio!r}"
            )
        if not 0 <= self.least_agreement <= 1:
            raise ValueError(
                "least_agreement must be from 0 to 1. Received: "
                f"least_agreement={self.least_agreement!r}"
            )
        if not self.allowed_rise >= 0:
            raise ValueError(
                f"allowed_rise must not be negative. Received: allowed_rise={self.allowed_rise!r}"
            )


def check_data(
    data: tuple[Mapping[str, Any], Any] | None,
    specs: Mapping[str, tf.TensorSpec],
    class_names: Sequence[str],
) -> None:
    """Refuses data of other inputs or of other classes than a model has.

    Args:
        data: as in `Checks`.
        specs: input name to `tf.TensorSpec`.
        class_names: the name of each class, by class id.

    Raises:
        ExportError: a label is no class id, or no name of a class.
        TypeError: what an input's dtype cannot hold.
        ValueError: a wrong shape, or an input missing or unknown.
    """
    if data is None:
        return
    features, labels = data[0], np.asarray(data[1])
    checked_features(specs, features, f"{sorted(features)} in the data of checks")
    ids = labels.dtype.kind in "iu"
    known = range(len(class_names)) if ids else set(class_names)
    if unknown := [label for label in np.unique(labels).tolist() if label not in known]:
        expected = f"from 0 to {len(class_names) - 1}" if ids else f"among {list(class_names)}"
        raise ExportError(f"Expected labels {expected}. Received: {unknown[:_SHOWN]}")


def _check_pair(data: Any) -> None:
    expected = "data must be features by input name and labels, like ({'x': array}, labels)"
    if not (isinstance(data, tuple | list) and len(data) == 2):
        raise TypeError(f"{expected}. Received: {_kind(data)}")
    if not isinstance(data[0], Mapping):
        raise TypeError(f"{expected}. Received: {_kind(data[0])} in place of a dict by input name")


def _check_labels(given: Any) -> None:
    labels = np.asarray(given)
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iuU"):
        raise ValueError(
            "data must be features by name and labels (n,), class ids or names. Received: "
            f"labels of dtype {labels.dtype} and shape {labels.shape}"
        )


def _check_rows(features: Mapping[str, Any], labels: Any) -> None:
    rows = {name: _length(array) for name, array in features.items()}
    if len(labels) == 0 or {*rows.values()} != {len(labels)}:
        raise ValueError(
            "data must have as many labels as rows of each input, at least one. "
            f"Received: {len(labels)} labels and rows {rows}"
        )


def _length(array: Any) -> int:
    return len(array) if np.iterable(array) else 0


def _kind(thing: Any) -> str:
    size = f" of {len(thing)}" if isinstance(thing, tuple | list) else ""
    return f"{type(thing).__name__}{size}"
