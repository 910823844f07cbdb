"""`Source`, the raw data that every reader returns; `DataError`; labels to class indices."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from .split import Split

PART_NAMES = {  # of files and folders
    "train": ("train",),
    "validation": ("val", "valid", "validation"),
    "test": ("test",),
}


@dataclass(frozen=True, eq=False)
class Source:
    """Raw examples, as a reader found them.

    Args:
        origin: The file, the directory, or the builder and its version.
        class_names: One name for each class, in the order of the labels.
        train: The training part. The validation part is held out of it if `validation` is `None`.
        test: The test part, or `None` if the source has none.
        validation: The validation part, or `None` if the source has none.
    """

    origin: str
    class_names: tuple[str, ...]
    train: Split
    test: Split | None = None
    validation: Split | None = None


class DataError(ValueError):
    """An error in the data; the message names the source, the field and the fault."""


@contextlib.contextmanager
def data_errors(origin: str | None = None) -> Iterator[None]:
    """Raise a `DataError` in place of a TensorFlow error that the data caused.

    Args:
        origin: The name of the source, if the block only reads data. Any TensorFlow error then
            becomes a `DataError`.
    """
    try:
        yield
    except tf.errors.OpError as error:
        # `tf.numpy_function` turns a DataError into an InvalidArgumentError with its traceback.
        raised = re.search(r"DataError: (.*?)\nTraceback \(most", error.message, re.DOTALL)
        if raised:
            raise DataError(raised[1]) from error
        if origin is None or isinstance(error, tf.errors.ResourceExhaustedError):
            raise
        cause = re.sub(r"{{.*?}} | \[Op:.*", "", error.message.splitlines()[0])
        raise DataError(f"{origin}: cannot be read ({cause}).") from error


def distinct_classes(labels: np.ndarray, field: str) -> np.ndarray:
    """Return the sorted distinct labels: integers or strings.

    Args:
        labels: Strings, integers, or booleans and floats with integral values; `(size,)` or
            `(size, 1)`.
        field: The file and the array, for the error message.

    Raises:
        DataError: If labels are not integral or not one-dimensional, or there are fewer than two.

    Example:

    >>> distinct_classes(np.array([7.0, 3.0, 7.0]), "y").tolist()
    [3, 7]
    """
    classes = np.unique(_comparable(labels, field))
    if len(classes) < 2:
        raise DataError(f"{field}: labels need at least 2 classes. Received: {classes.tolist()}.")
    return classes


def class_indices(labels: np.ndarray, classes: np.ndarray, field: str) -> np.ndarray:
    """Return the position of each label in the `distinct_classes` of the training part, int32.

    Raises:
        DataError: If a label is not in `classes`.

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
    if labels.ndim == 2 and labels.shape[1] == 1:  # as in keras.datasets.cifar10
        labels = labels[:, 0]
    if labels.ndim != 1:
        hint = " For one-hot labels, save their argmax(axis=1)." if labels.ndim == 2 else ""
        raise DataError(
            f"{field}: labels must have shape (samples,) or (samples, 1). "
            f"Received: {labels.shape}.{hint}"
        )
    if labels.dtype.kind in "US":
        return labels.astype(str)
    if labels.dtype.kind not in "biuf":
        raise DataError(f"{field}: labels must be integers or strings. Received: {labels.dtype}.")
    if labels.dtype.kind == "f":
        integral = np.isfinite(labels) & (labels == np.rint(labels)) & (np.abs(labels) < 2**53)
        if not integral.all():
            position = int(np.argmin(integral))
            raise DataError(
                f"{field}: labels must be integral. Received: {labels[position]:g} at {position}."
            )
    return labels.astype("int64") if labels.dtype.kind in "bf" else labels
