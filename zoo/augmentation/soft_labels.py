"""`soft_labels`: labels of any usual form as rows of probabilities."""

from typing import Any

import keras
import numpy as np
from keras import ops

_TOLERANCE = 1e-2  # of the sum of probabilities, which may have been bfloat16


def soft_labels(labels: Any, num_classes: int, multi_label: bool = False) -> Any:
    """Return labels as float32 probabilities of shape `(batch, num_classes)`.

    Args:
        labels: Integers of shape `(batch,)` or `(batch, 1)`, or one-hot or soft labels of shape
            `(batch, num_classes)`, integers or floats.
        num_classes: The number of classes.
        multi_label: Whether labels are one probability for each class instead of the number of a
            class: of shape `(batch, num_classes)`, or `(batch,)` if there is one class.

    Raises:
        ValueError: If labels have another form, or an integer is outside `[0, num_classes)`. In a
            traced graph, where integers have no values yet, the row of such a label is NaN, and so
            is the loss.

    Example:

    >>> import numpy as np
    >>> np.asarray(soft_labels(np.array([2, 0]), 3)).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    labels = ops.convert_to_tensor(labels)
    if len(labels.shape) == 2 and labels.shape[1] == num_classes:
        return ops.cast(labels, "float32")
    if multi_label:
        if num_classes == 1 and len(labels.shape) == 1:
            return ops.cast(labels[:, None], "float32")
        raise ValueError(
            f"Labels with `multi_label=True` must have the shape (batch, {num_classes}). "
            f"Received: shape {tuple(labels.shape)}"
        )
    dtype = keras.backend.standardize_dtype(labels.dtype)
    if "int" not in dtype or len(labels.shape) > 2 or tuple(labels.shape[1:]) not in ((), (1,)):
        raise ValueError(
            f"Labels must be integers of shape (batch,), or one-hot or soft labels of shape "
            f"(batch, {num_classes}). Received: {dtype} of shape {tuple(labels.shape)}"
        )
    return _one_hot(ops.reshape(labels, (-1,)), num_classes)


def _one_hot(labels: Any, num_classes: int) -> Any:
    values = _values(labels)
    if values is not None:
        outside = values[(values < 0) | (values >= num_classes)]
        if outside.size:
            raise ValueError(
                f"Integer labels must be in [0, {num_classes}). Received: {outside[0].item()}"
            )
    labels = ops.cast(labels, "int32")
    valid = ops.logical_and(labels >= 0, labels < num_classes)
    rows = ops.one_hot(labels, num_classes, dtype="float32")
    return ops.where(valid[:, None], rows, np.float32("nan"))


def check_distribution(rows: Any) -> Any:
    """Return rows of probabilities of mutually exclusive classes, each of which must sum to one.

    In a traced graph, where rows have no values yet, a row with another sum becomes NaN.

    Raises:
        ValueError: If a row does not sum to one, as that of a multi-hot label.
    """
    valid = ops.abs(ops.sum(rows, axis=1, keepdims=True) - 1.0) < _TOLERANCE
    values = _values(valid)
    if values is not None and not values.all():
        raise ValueError(
            "Labels of mutually exclusive classes must sum to one in each row. For multi-hot "
            "labels (a sigmoid head), use `multi_label=True`. "
            f"Received: {np.asarray(rows)[np.argmin(values[:, 0])].tolist()}"
        )
    return ops.where(valid, rows, np.float32("nan"))


def _values(tensor: Any) -> Any:
    """The values of a tensor, or `None` if it is traced and has none yet."""
    try:
        return np.asarray(tensor)
    except (NotImplementedError, TypeError, ValueError):
        return None
