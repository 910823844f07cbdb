"""Reader of the arrays `x`, `y`, `x_test`, `y_test`, ... in a `.npz` file."""

from pathlib import Path
from typing import Any

import numpy as np

from .source import PART_NAMES, DataError, Source, class_indices, distinct_classes
from .split import ArraySplit

_SUFFIXES = {part: tuple(f"_{name}" for name in names) for part, names in PART_NAMES.items()}
_SUFFIXES["train"] = ("", *_SUFFIXES["train"])
_SHAPES = {
    2: "(samples, features)",
    3: "(samples, steps, channels)",
    4: "(samples, height, width, channels)",
}


def read_npz(path: Path) -> Source:
    """Read a NumPy archive, without unpickling anything.

    Args:
        path: A file with the arrays `x`, of a shape in `_SHAPES`, and `y`, of shape `(samples,)` or
            `(samples, 1)` (or `x_train` and `y_train`). Optional are the pairs `x_val`, `y_val` (or
            `_valid`, `_validation`) and `x_test`, `y_test`.

    Raises:
        DataError: If the file cannot be used; the message names the file and the array.
    """
    arrays = _load(path)
    suffixes = _suffixes_of_parts(set(arrays), path)
    suffix = suffixes["train"]
    classes = distinct_classes(arrays[f"y{suffix}"], f"{path}: y{suffix}")
    parts = {part: _split(arrays, s, classes, path) for part, s in suffixes.items()}
    for part, split in parts.items():
        if split.input_shape != parts["train"].input_shape:
            raise DataError(
                f"{path}: x{suffixes[part]} must have the shape of x{suffix} but for the first "
                f"axis. Received: {split.features.shape} and {parts['train'].features.shape}."
            )
    return Source(str(path), tuple(str(label) for label in classes.tolist()), **parts)


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
    if "train" not in parts or names != pairs:
        raise DataError(
            f"{path}: expected the arrays x and y (or x_train and y_train), optionally x_val and "
            "y_val (or _valid, _validation), and x_test and y_test. "
            f"Received: {', '.join(sorted(names)) or 'none'}."
        )
    return parts


def _split(arrays: dict[str, Any], suffix: str, classes: np.ndarray, path: Path) -> ArraySplit:
    x, y = f"x{suffix}", f"y{suffix}"
    features, labels = arrays[x], arrays[y]
    if len(np.atleast_1d(features)) != len(np.atleast_1d(labels)):
        raise DataError(
            f"{path}: {x} and {y} must have equal lengths. Received: shapes {features.shape} and "
            f"{labels.shape}."
        )
    indices = class_indices(labels, classes, f"{path}: {y}")
    return ArraySplit(_checked_features(features, f"{path}: {x}"), indices)


def _checked_features(features: np.ndarray, field: str) -> np.ndarray:
    if features.dtype.kind not in "biuf":
        raise DataError(f"{field}: features must be real numbers. Received: {features.dtype}.")
    if features.ndim not in _SHAPES or 0 in features.shape:
        raise DataError(
            f"{field}: features must have shape {', '.join(_SHAPES.values())}, nothing empty. "
            f"Received: {features.shape}."
        )
    if features.dtype.kind != "f":
        return features
    with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite, an error below
        features = features.astype("float32")
    bad = np.argwhere(~np.isfinite(features))
    if len(bad):
        raise DataError(
            f"{field}: features must be finite float32. Received: {features[tuple(bad[0])]} at "
            f"{bad[0].tolist()}."
        )
    return features
