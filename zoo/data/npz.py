"""Arrays `x`, `y`, `x_test`, `y_test`, ... of an `.npz` file."""

from pathlib import Path

import numpy as np

from .arrays import ArraySplit
from .errors import DataError
from .labels import class_indices, distinct_classes
from .source import TEST_NAMES, TRAIN_NAMES, VALIDATION_NAMES, Source

__all__ = ["read_npz"]

SUFFIXES = {  # of the arrays of each part
    "train": ("", *(f"_{name}" for name in TRAIN_NAMES)),
    "validation": tuple(f"_{name}" for name in VALIDATION_NAMES),
    "test": tuple(f"_{name}" for name in TEST_NAMES),
}
RANKS = {
    2: "(samples, features)",
    3: "(samples, steps, channels)",
    4: "(samples, height, width, channels)",
}


def read_npz(path: Path) -> Source:
    """Reads a NumPy archive; nothing in it is unpickled.

    Args:
        path: a file with the arrays `x`, of shape `(samples, features)`, `(samples, steps,
            channels)` or `(samples, height, width, channels)`, and `y`, of shape `(samples,)` or
            `(samples, 1)`, which may be called `x_train` and `y_train`; optionally the pairs
            `x_val`, `y_val` (or `_valid`, `_validation`) and `x_test`, `y_test`.

    Raises:
        DataError: names the file and the array, what was expected and what was received.
    """
    arrays = _load(path)
    suffixes = _parts(set(arrays), path)
    suffix = suffixes["train"]
    classes = distinct_classes(arrays[f"y{suffix}"], f"{path}: y{suffix}")
    parts = {part: _split(arrays, suffix, classes, path) for part, suffix in suffixes.items()}
    for part, split in parts.items():
        _check_same_shape(split, parts["train"], suffixes[part], suffix, path)
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
    except Exception as error:  # a broken archive raises whatever NumPy, zipfile and zlib raise
        raise DataError(
            f"{path}: {reading}not a readable .npz file of plain arrays ({error})."
        ) from error
    return arrays


def _parts(names: set[str], path: Path) -> dict[str, str]:
    """The parts that the arrays `names` make up, and the suffix of the two of each."""
    found = {
        part: [suffix for suffix in suffixes if names & {f"x{suffix}", f"y{suffix}"}]
        for part, suffixes in SUFFIXES.items()
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


def _split(
    arrays: dict[str, np.ndarray], suffix: str, classes: np.ndarray, path: Path
) -> ArraySplit:
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
    if features.ndim not in RANKS or 0 in features.shape:
        raise DataError(
            f"{field}: features must have shape {', '.join(RANKS.values())}, nothing empty. "
            f"Received: {features.shape}."
        )
    return _finite(features, field) if features.dtype.kind == "f" else features


def _finite(features: np.ndarray, field: str) -> np.ndarray:
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        features = features.astype("float32")
    bad = np.argwhere(~np.isfinite(features))
    if len(bad):
        raise DataError(
            f"{field}: features must be finite float32. Received: {features[tuple(bad[0])]} at "
            f"{bad[0].tolist()}."
        )
    return features


def _check_same_shape(
    part: ArraySplit, train: ArraySplit, suffix: str, of_train: str, path: Path
) -> None:
    if train.input_shape != part.input_shape:
        raise DataError(
            f"{path}: x{suffix} must have the shape of x{of_train} but for the first axis. "
            f"Received: {part.features.shape} and {train.features.shape}."
        )
