"""`read_npz` and `write_npz`: the arrays `x`, `y`, `x_test`, `y_test`, ... in a `.npz` file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..tasks import Classification, DataError, Multilabel, Regression, Task
from .arrays import checked_features, source_of_arrays
from .source import PART_NAMES, Source, data_errors

if TYPE_CHECKING:
    from .data import Data

_SUFFIXES = {part: tuple(f"_{name}" for name in names) for part, names in PART_NAMES.items()}
_SUFFIXES["train"] = ("", *_SUFFIXES["train"])


def read_npz(path: Path, *, task: Task | str | None = None) -> Source:
    """Read a NumPy archive, without unpickling anything.

    Args:
        path: A file with the arrays `x`, as `checked_features` takes them, and `y` (or `x_train`
            and `y_train`). Optional are the pairs `x_val`, `y_val` (or `_valid`, `_validation`) and
            `x_test`, `y_test`, the sample weights `weight` with the same suffixes, and `task`, in
            which `Data.save` writes the kind of the task and its names.
        task: As in `load_data`; by default that of the file, or recognized.

    Raises:
        DataError: If the file cannot be used; the message names the file and the array.
    """
    arrays = _load(path)
    saved = arrays.pop("task", None)
    suffixes = _suffixes_of_parts(set(arrays), path)
    suffix = suffixes["train"]
    parts = {part: _part(arrays, suffix, path) for part, suffix in suffixes.items()}
    for part, pair in parts.items():
        if pair[0].shape[1:] != parts["train"][0].shape[1:]:
            raise DataError(
                f"{path}: x{suffixes[part]} must have the shape of x{suffix} but for the first "
                f"axis. Received: {pair[0].shape} and {parts['train'][0].shape}."
            )
    fields = {part: f"{path}: y{suffix}" for part, suffix in suffixes.items()}
    names = None
    if saved is not None and task is None:
        task, names = _saved_task(saved, path)
    return source_of_arrays(str(path), parts, task=task, names=names, fields=fields)


def write_npz(path: Path, data: "Data") -> None:
    """Write the arrays of `Data.save`, all of them or none."""
    task = data.task
    if isinstance(task, Classification) and task.names != tuple(map(str, task.classes)):
        task = Classification(task.names)  # the names of classes stand for their numbers

    def joined(*parts: str, suffix: str = "") -> dict[str, np.ndarray]:
        batches = (batch for part in parts for batch in data.raw(part).as_numpy_iterator())
        x, y, *weights = map(np.concatenate, zip(*batches, strict=True))
        if x.dtype.kind == "O":  # texts; as objects they would be pickled
            x = np.array([text.decode() for text in x])
        arrays = {f"x{suffix}": x, f"y{suffix}": task.decode(y)}
        return arrays | {f"weight{suffix}": weight for weight in weights}

    with data_errors():
        if data.has_own_validation:
            arrays = joined("train") | joined("validation", suffix="_val")
        else:
            arrays = joined(*(part for part in ("train", "validation") if part in data.raw_splits))
        if "test" in data.raw_splits:
            arrays |= joined("test", suffix="_test")
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, **arrays, task=np.array(json.dumps(task.to_dict())))
    temporary.replace(path)


def _saved_task(saved: np.ndarray, path: Path) -> tuple[Task | str, list[str]]:
    """Return the task and its names, as `Data.save` wrote them."""
    try:
        values = json.loads(str(saved))
        kind, names = str(values["kind"]), [str(name) for name in values["names"]]
        if kind == Classification.kind:
            return Classification(tuple(names), tuple(values["classes"])), names
        return {Multilabel.kind: Multilabel(tuple(names)), Regression.kind: kind}[kind], names
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: task: not a task that Data.save wrote ({error}).") from error


def _load(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    arrays, reading = {}, ""
    try:
        # Opened here, because NumPy leaves a file open that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            for name in archive.files:
                reading = f"{name}: "
                arrays[name] = np.asarray(archive[name])
    except Exception as error:  # a broken archive may raise any error of NumPy, zipfile and zlib
        raise DataError(
            f"{path}: {reading}not a readable .npz file of plain arrays ({error})."
        ) from error
    return arrays


def _suffixes_of_parts(names: set[str], path: Path) -> dict[str, str]:
    """Return the parts that the arrays `names` form, each with the suffix of its two arrays."""
    found = {
        part: [suffix for suffix in suffixes if names & {f"x{suffix}", f"y{suffix}"}]
        for part, suffixes in _SUFFIXES.items()
    }
    parts = {part: suffixes[0] for part, suffixes in found.items() if len(suffixes) == 1}
    pairs = {f"{array}{suffix}" for suffix in parts.values() for array in "xy"}
    weights = {f"weight{suffix}" for suffix in parts.values()}
    if "train" not in parts or names not in (pairs, pairs | weights):
        raise DataError(
            f"{path}: expected the arrays x and y (or x_train and y_train), optionally x_val and "
            "y_val (or _valid, _validation) and x_test and y_test, and weight with the same "
            "suffixes. "
            f"Received: {', '.join(sorted(names)) or 'none'}."
        )
    return parts


def _part(arrays: dict[str, np.ndarray], suffix: str, path: Path) -> tuple[np.ndarray, ...]:
    x, y = f"x{suffix}", f"y{suffix}"
    features, targets = arrays[x], arrays[y]
    if len(np.atleast_1d(features)) != len(np.atleast_1d(targets)):
        raise DataError(
            f"{path}: {x} and {y} must have equal lengths. Received: shapes {features.shape} and "
            f"{targets.shape}."
        )
    weights = [arrays[f"weight{suffix}"]] if f"weight{suffix}" in arrays else []
    return (checked_features(features, f"{path}: {x}"), targets, *weights)
