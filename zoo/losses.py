"""`CategoricalCrossentropy` of logits with labels of any form."""

from typing import Any

import keras
from keras import ops

from .augmentation.labels import soft_labels

__all__ = ["CategoricalCrossentropy", "categorical_crossentropy", "probabilities"]


@keras.saving.register_keras_serializable(package="occam")
class CategoricalCrossentropy(keras.losses.Loss):
    """Cross-entropy of logits with integer, one-hot or soft labels.

        loss = - sum_k y_k log softmax(z)_k

    Mixing and label smoothing make labels soft in training, and validation has integers: one loss
    serves both. It has no label smoothing of its own, which Keras' would apply to the validation
    loss as well: `zoo.augmentation.LabelSmoothing` acts in training only.

    Args:
        reduction: as in `keras.losses.Loss`.
        name: as in `keras.losses.Loss`.
        dtype: as in `keras.losses.Loss`.

    Shapes: labels `(batch,)` or `(batch, 1)`, whole numbers, or `(batch, classes)`, probabilities;
    logits `(batch, classes)`, at least two classes.

    Raises:
        ValueError: labels of another shape, or outside `[0, classes)` (in a graph: a loss of NaN).

    Example: two classes with equal logits cost log 2, whatever the labels.

    >>> loss = CategoricalCrossentropy()
    >>> round(float(loss([0, 1], [[0.0, 0.0], [0.0, 0.0]])), 4)
    0.6931
    >>> round(float(loss([[0.5, 0.5], [0.2, 0.8]], [[0.0, 0.0], [0.0, 0.0]])), 4)
    0.6931
    """

    def __init__(
        self, reduction="sum_over_batch_size", name="categorical_crossentropy", dtype=None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        return categorical_crossentropy(y_true, y_pred)

    def get_config(self):
        return {"reduction": self.reduction, "name": self.name, "dtype": self.dtype}


def categorical_crossentropy(labels: Any, logits: Any) -> Any:
    """The cross-entropy of each sample, `(batch,)`; arguments as in `CategoricalCrossentropy`."""
    logits = ops.convert_to_tensor(logits)
    return -ops.sum(
        ops.cast(probabilities(labels, logits), logits.dtype) * ops.log_softmax(logits), axis=-1
    )


def probabilities(labels: Any, logits: Any) -> Any:
    """Labels of any form as rows of float32 probabilities, as many as there are logits."""
    labels = ops.convert_to_tensor(labels)
    if tuple(labels.shape[1:]) in ((), (1,)):  # Keras hands integers to a loss as floats
        labels = ops.cast(labels, "int32")
    return soft_labels(labels, logits.shape[-1])
