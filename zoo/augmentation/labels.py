"""Labels of any usual form as rows of probabilities."""

import numbers
from typing import Any

import keras
import numpy as np
from keras import ops

__all__ = ["check_classes", "check_distribution", "soft_labels"]


_TOLERANCE = 1e-2  # of a sum of probabilities that were bfloat16


def check_classes(layer: keras.layers.Layer, num_classes: Any, multi_label: bool) -> int:
    """Returns the number of classes of a layer that takes labels, or says what is wrong with it."""
    least = 1 if multi_label else 2
    if not isinstance(num_classes, numbers.Integral) or num_classes < least:
        raise ValueError(
            f"{type(layer).__name__}: `num_classes` must be an integer of at least {least}. "
            f"Received: num_classes={num_classes!r}"
        )
    return int(num_classes)


def soft_labels(labels: Any, num_classes: int, multi_label: bool = False) -> Any:
    """Labels as float32 probabilities of shape `(batch, num_classes)`.

    Args:
        labels: integers of shape `(batch,)` or `(batch, 1)`; or one-hot or soft labels of shape
            `(batch, num_classes)`, integers or floats.
        num_classes: the number of classes.
        multi_label: labels are one probability for each class, of shape `(batch, num_classes)`,
            or `(batch,)` for one class; no number of a class.

    Raises:
        ValueError: labels of another form, or an integer outside `[0, num_classes)`. In a traced
            graph, where integers have no values yet, the row of such a label is NaN, and so is the
            loss: it is never ignored.

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
    integers = "int" in keras.backend.standardize_dtype(labels.dtype)
    if not integers or len(labels.shape) > 2 or tuple(labels.shape[1:]) not in ((), (1,)):
        raise ValueError(
            f"Labels must be integers of shape (batch,), or one-hot or soft labels of shape "
            f"(batch, {num_classes}). Received: {keras.backend.standardize_dtype(labels.dtype)} "
            f"of shape {tuple(labels.shape)}"
        )
    return _one_hot(ops.reshape(labels, (-1,)), num_classes)


def check_distribution(rows: Any) -> Any:
    """Returns rows of probabilities if each sums to one, as those of classes that exclude another.

    In a traced graph, where there are no values yet, a row that does not sum to one is NaN instead.

    Raises:
        ValueError: a row does not sum to one, as of a multi-hot label.
    """
    valid = ops.abs(ops.sum(rows, axis=1, keepdims=True) - 1.0) < _TOLERANCE
    values = _values(valid)
    if values is not None and not values.all():
        raise ValueError(
            "Labels must sum to one in each row; for multi-hot labels of a sigmoid head give "
            f"`multi_label=True`. Received: {np.asarray(rows)[np.argmin(values[:, 0])].tolist()}"
        )
    return ops.where(valid, rows, np.float32("nan"))


def _one_hot(labels: Any, num_classes: int) -> Any:
    _check_range(labels, num_classes)
    labels = ops.cast(labels, "int32")
    valid = ops.logical_and(labels >= 0, labels < num_classes)
    rows = ops.one_hot(labels, num_classes, dtype="float32")
    return ops.where(valid[:, None], rows, np.float32("nan"))


def _check_range(labels: Any, num_classes: int) -> None:
    values = _values(labels)
    if values is None:
        return
    outside = values[(values < 0) | (values >= num_classes)]
    if outside.size:
        raise ValueError(
            f"Integer labels must be in [0, {num_classes}). Received: {outside[0].item()}"
        )


def _values(tensor: Any) -> Any:
    """The values of a tensor, or `None` if it is traced and has none yet."""
    try:
        return np.asarray(tensor)
    except (NotImplementedError, TypeError, ValueError):
        return None
