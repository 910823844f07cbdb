"""The plain-text description of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core.text_table import table

if TYPE_CHECKING:
    from .data import Data

__all__ = ["describe"]


def describe(data: Data) -> str:
    """Name, origin, shape, preprocessing, and a table of the samples of each class and part."""
    head = [
        ("name", data.name),
        ("from", data.origin),
        ("input", f"{data.input_shape} float32, {_residence(data)}"),
        ("classes", str(data.num_classes)),
        ("batches", f"{data.steps_per_epoch} of {data.batch_size} in an epoch"),
        ("inputs are", "standardized over the last axis, by the training part"),
    ]
    return "\n".join([*(f"{name:<12}{value}" for name, value in head), "", _table(data)])


def _residence(data: Data) -> str:
    return "in memory" if data.in_memory else "streamed from disk"


def _table(data: Data) -> str:
    counts = [np.bincount(s.labels, minlength=data.num_classes) for s in data.raw_splits.values()]
    rows = [*zip(data.class_names, *counts, strict=True), ("all", *data.sizes.values())]
    return table(("class", *data.raw_splits), [(row[0], *map(int, row[1:])) for row in rows])
