"""`LabelSmoothing`, and `soft_labels`: labels of any usual form as rows of probabilities."""

from typing import Any

import keras
import numpy as np
from keras import ops

from ...core.checks import check_integer
from ...core.live_scalar import LiveScalar
from .augmentation import Augmentation

_TOLERANCE = 1e-2  # of the sum of probabilities, which may have been bfloat16


@keras.saving.register_keras_serializable(package="occam")
class LabelSmoothing(Augmentation):
    """Spreads a share of each label evenly over all classes in training.

        y' = (1 - epsilon) y + epsilon / classes

    With `multi_label`, for a head of sigmoids and `BinaryCrossentropy`, each class is binary:

        y' = (1 - epsilon) y + epsilon / 2

    At inference, labels only become soft labels. The argument `label_smoothing` of Keras' losses
    also changes the validation loss, and takes no integer labels.

    Args:
        num_classes: The number of classes, at least 2. With `multi_label` at least 1.
        epsilon: The share, in [0, 1). It can be changed at any time.
        multi_label: Whether labels are multi-hot, or the 0 and 1 of a single sigmoid unit.

    Shapes: `(x, y)` with any x, unchanged, and y integers `(batch,)` or one-hot or soft labels
    `(batch, num_classes)` whose rows sum to one. With `multi_label`, y is `(batch, num_classes)`,
    or `(batch,)` for one class. Returns y as float32 of shape `(batch, num_classes)`.

    Raises:
        ValueError: If an argument is out of range or y has another form. In a graph, where labels
            have no values yet, a row that does not sum to one becomes NaN.

    Example:

    >>> import numpy as np
    >>> _, y = LabelSmoothing(4, 0.2)((np.zeros((1, 3)), np.array([2])), training=True)
    >>> [round(float(share), 3) for share in y[0]]
    [0.05, 0.05, 0.85, 0.05]

    Reference: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016,
    section 7, https://arxiv.org/abs/1512.00567
    """

    takes_labels = True
    takes_any_samples = True

    epsilon = LiveScalar("[0, 1)")

    def __init__(self, num_classes, epsilon=0.1, multi_label=False, **kwargs):
        super().__init__(**kwargs)
        check_integer("num_classes", num_classes, 1 if multi_label else 2)
        self.num_classes = int(num_classes)
        self.multi_label = bool(multi_label)
        self.epsilon = epsilon

    def call(self, inputs, training=False, seed=None):
        x, y = self.check_inputs(inputs)
        y = soft_labels(y, self.num_classes, self.multi_label)
        if training and self.multi_label:
            y = (1.0 - self._epsilon) * y + self._epsilon / 2
        elif training:
            y = (1.0 - self._epsilon) * _check_distribution(y) + self._epsilon / self.num_classes
        return x, y

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "epsilon": self.epsilon,
            **({"multi_label": True} if self.multi_label else {}),
        }


def soft_labels(labels: Any, num_classes: int, multi_label: bool = False) -> Any:
    """Return labels as float32 probabilities of shape `(batch, num_classes)`.

    Args:
        labels: As in `LabelSmoothing`; integers may also have the shape `(batch, 1)`.
        num_classes: The number of classes.
        multi_label: As in `LabelSmoothing`.

    Raises:
        ValueError: If labels have another form, or an integer is outside `[0, num_classes)`. In a
            graph, where integers have no values yet, the row of such a label is NaN.

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
            f"Labels must have the shape (batch, {num_classes}) with `multi_label=True`. "
            f"Received: shape {tuple(labels.shape)}"
        )
    dtype = keras.backend.standardize_dtype(labels.dtype)
    if "int" not in dtype or len(labels.shape) > 2 or tuple(labels.shape[1:]) not in ((), (1,)):
        raise ValueError(
            "Labels must be integers of shape (batch,), or one-hot or soft labels of shape "
            f"(batch, {num_classes}). Received: {dtype} of shape {tuple(labels.shape)}"
        )
    labels = ops.reshape(labels, (-1,))
    values = _values(labels)
    if values is not None and (outside := values[(values < 0) | (values >= num_classes)]).size:
        raise ValueError(f"Integer labels must be in [0, {num_classes}). Received: {outside[0]}")
    labels = ops.cast(labels, "int32")
    valid = ops.logical_and(labels >= 0, labels < num_classes)
    rows = ops.one_hot(labels, num_classes, dtype="float32")
    return ops.where(valid[:, None], rows, np.float32("nan"))


def _check_distribution(rows: Any) -> Any:
    """Return the rows; one that does not sum to one is an error, or NaN in a graph."""
    valid = ops.abs(ops.sum(rows, axis=1, keepdims=True) - 1.0) < _TOLERANCE
    values = _values(valid)
    if values is not None and not values.all():
        raise ValueError(
            "Labels must sum to one in each row, unless `multi_label=True`. "
            f"Received: {np.asarray(rows)[np.argmin(values[:, 0])].tolist()}"
        )
    return ops.where(valid, rows, np.float32("nan"))


def _values(tensor: Any) -> Any:
    """The values of a tensor, or `None` if it is traced and has none yet."""
    try:
        return np.asarray(tensor)
    except (NotImplementedError, TypeError, ValueError):
        return None
