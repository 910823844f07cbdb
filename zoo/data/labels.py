"""From labels as they are found to classes 0, 1, 2, ..."""

import numpy as np

from .errors import DataError

__all__ = ["class_indices", "distinct_classes"]


def distinct_classes(labels: np.ndarray, field: str) -> np.ndarray:
    """The sorted distinct labels: integers (integral floats and booleans count) or strings.

    Args:
        labels: the labels as found, `(size,)` or `(size, 1)`.
        field: names them in the error: file and array.

    Raises:
        DataError: not integral, not one-dimensional, or fewer than two classes.

    Example:

    >>> distinct_classes(np.array([7.0, 3.0, 7.0]), "y").tolist()
    [3, 7]
    """
    classes = np.unique(_comparable(labels, field))
    if len(classes) < 2:
        raise DataError(f"{field}: labels need at least 2 classes. Received: {classes.tolist()}.")
    return classes


def class_indices(labels: np.ndarray, classes: np.ndarray, field: str) -> np.ndarray:
    """The position of each label in `classes`, int32.

    Args:
        labels: the labels as found, `(size,)` or `(size, 1)`.
        classes: from `distinct_classes` of the training part.
        field: names the labels in the error: file and array.

    Raises:
        DataError: a label that is not in `classes`.

    Example:

    >>> class_indices(np.array([7, 3, 7]), np.array([3, 7]), "y").tolist()
    [1, 0, 1]
    """
    comparable = _comparable(labels, field)
    unseen = sorted(set(np.unique(comparable).tolist()) - set(classes.tolist()))
    if unseen:
        raise DataError(
            f"{field}: labels must be classes of the training part. Received: {unseen[0]!r}."
        )
    return np.searchsorted(classes, comparable).astype("int32")


def _comparable(labels: np.ndarray, field: str) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[1] == 1:  # as keras.datasets.cifar10 has them
        labels = labels[:, 0]
    if labels.ndim != 1:
        hint = " One-hot labels: save their argmax(axis=1)." if labels.ndim == 2 else ""
        raise DataError(
            f"{field}: labels must have shape (samples,) or (samples, 1). "
            f"Received: {labels.shape}.{hint}"
        )
    if labels.dtype.kind in "US":
        return labels.astype(str)
    if labels.dtype.kind == "f":
        return _integral(labels, field)
    if labels.dtype.kind not in "biu":
        raise DataError(f"{field}: labels must be integers or strings. Received: {labels.dtype}.")
    return labels.astype("int64") if labels.dtype.kind == "b" else labels


def _integral(labels: np.ndarray, field: str) -> np.ndarray:
    integral = np.isfinite(labels) & (labels == np.rint(labels)) & (np.abs(labels) < 2**53)
    if not integral.all():
        position = int(np.argmin(integral))
        raise DataError(
            f"{field}: labels must be integral. Received: {labels[position]:g} at {position}."
        )
    return labels.astype("int64")
