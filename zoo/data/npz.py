"""Arrays `x`, `y` and optionally `x_test`, `y_test` of an `.npz` file."""

import zipfile
from pathlib import Path

import numpy as np

from .arrays import ArraySplit
from .errors import DataError
from .labels import class_indices, distinct_classes
from .source import Source

__all__ = ["read_npz"]

RANKS = {
    2: "(samples, features)",
    3: "(samples, steps, channels)",
    4: "(samples, height, width, channels)",
}


def read_npz(path: Path) -> Source:
    """Reads a NumPy archive; nothing in it is unpickled.

    Args:
        path: a file with the arrays `x`, of shape `(samples, features)`, `(samples, steps,
            channels)` or `(samples, height, width, channels)`, and `y`, of shape `(samples,)`;
            `x_test` and `y_test` alike, both or neither.

    Raises:
        DataError: names the file and the array, what was expected and what was received.
    """
    arrays = _load(path)
    _check_names(set(arrays), path)
    classes = distinct_classes(arrays["y"], f"{path}: y")
    train = _split(arrays, "x", "y", classes, path)
    test = None
    if "x_test" in arrays:
        test = _split(arrays, "x_test", "y_test", classes, path)
        _check_same_shape(train, test, path)
    return Source(str(path), tuple(str(label) for label in classes.tolist()), train, test)


def _load(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    try:
        # Opened here, because NumPy leaves a file open that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except (ValueError, OSError, zipfile.BadZipFile, TypeError) as error:
        raise DataError(f"{path}: not a readable .npz file of plain arrays ({error}).") from error


def _check_names(names: set[str], path: Path) -> None:
    required, optional = {"x", "y"}, {"x_test", "y_test"}
    if names not in (required, required | optional):
        raise DataError(
            f"{path}: expected the arrays x and y, optionally x_test and y_test as well. "
            f"Received: {', '.join(sorted(names)) or 'none'}."
        )


def _split(arrays: dict[str, np.ndarray], x: str, y: str, classes: np.ndarray, path: Path):
    features, labels = arrays[x], arrays[y]
    if len(np.atleast_1d(features)) != len(labels):
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


def _check_same_shape(train: ArraySplit, test: ArraySplit, path: Path) -> None:
    if train.input_shape != test.input_shape:
        raise DataError(
            f"{path}: x_test must have the shape of x but for the first axis. Received: "
            f"{test.features.shape} and {train.features.shape}."
        )
