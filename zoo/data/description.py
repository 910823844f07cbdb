"""`describe`: what a data set is, as plain text with tables."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ...core.text_table import table
from .split import DatasetSplit

if TYPE_CHECKING:
    from .data import Data

_NAMED = 5  # of the files left out


def describe(data: "Data") -> str:
    """Return the text of `Data.describe`."""
    lines = [f"{name:<12}{value}" for name, value in _properties(data)]
    parts = {name: split.targets for name, split in data.raw_splits.items()}
    columns, *rows = data.task.summary(parts)
    lines += ["", table(columns, [*rows, ("all", *data.sizes.values())])]
    if data.columns:
        heads = ("column", "kind", *(f"missing in {part}" for part in data.raw_splits))
        rows = [(name, kind, *_missing(data, name)) for name, kind in data.columns.items()]
        lines += ["", table(heads, rows)]
    return "\n".join(lines)


def _properties(data: "Data") -> list[tuple[str, str]]:
    place = "in memory" if data.in_memory else "streamed from disk"
    if isinstance(data.raw_splits["train"], DatasetSplit):
        place = "read from a dataset"
    task = data.task.kind
    if data.task_found:
        task += " (found from the targets; pass task=... to change)"
    found = [
        ("name", data.name),
        ("from", data.origin),
        ("input", f"{data.input_shape} float32, {place}"),
        ("task", task),
        ("batches", f"{data.steps_per_epoch} of {data.batch_size} in an epoch"),
        ("inputs are", _preprocessed(data)),
    ]
    if data.class_weights is not None:
        weights = zip(data.class_names, data.class_weights, strict=True)
        found.append(("weights", ", ".join(f"{name}: {weight:.3g}" for name, weight in weights)))
    elif data.has_weights:
        found.append(("weights", "one for each sample"))
    if data.cv:
        found.append(("validation", f"by folds ({data.cv}) of the training part"))
    if data.left_out:
        names = ", ".join(data.left_out[:_NAMED]) + ", ..." * (len(data.left_out) > _NAMED)
        found.append(("left out", f"{len(data.left_out)} damaged images: {names}"))
    return found


def _preprocessed(data: "Data") -> str:
    if isinstance(data.preprocessing, keras.layers.Identity):
        return "as given"
    if data.vocabulary_size:
        return f"numbers of {data.vocabulary_size} words, those of the training part"
    if data.arguments["standardize"] == "minirocket":
        return f"{data.input_shape[0]} standardized features of MiniRocket, by the training part"
    if data.arguments["standardize"] == "summaries":
        return f"{data.input_shape[0]} standardized values and summaries, by the training part"
    robust = data.arguments["standardize"] == "robust"
    scaled = "scaled by quartiles and bounded" if robust else "standardized"
    if data.columns:
        return f"{scaled} numbers and one-hot categories, by the training part"
    each = "each " if isinstance(data.preprocessing, keras.Model) else ""
    return f"{each}{scaled} over the last axis, by the training part"


def _missing(data: "Data", column: str) -> list[int]:
    """Return the number of missing values of a column in each part."""
    missing = []
    for split in data.raw_splits.values():
        features: Any = split.features  # pyright: ignore[reportAttributeAccessIssue]
        values = features[column] if isinstance(features, dict) else features
        is_missing = values == "" if values.dtype.kind == "O" else np.isnan(values)
        missing.append(int(is_missing.sum()))
    return missing
