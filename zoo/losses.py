"""`SparseCategoricalCrossentropy` with label smoothing, which Keras' own lacks."""

from typing import Any

import keras
from keras import ops

__all__ = ["SparseCategoricalCrossentropy"]


@keras.saving.register_keras_serializable(package="occam")
class SparseCategoricalCrossentropy(keras.losses.Loss):
    """Cross-entropy of logits with integer labels that are smoothed.

        loss = - sum_k q_k log softmax(z)_k,    q_k = (1 - epsilon) [k = y] + epsilon / classes

    Args:
        label_smoothing: epsilon, in [0, 1).
        reduction: as in `keras.losses.Loss`.
        name: as in `keras.losses.Loss`.

    Shapes: labels `(batch,)` or `(batch, 1)`, integers; logits `(batch, classes)`.

    Raises:
        ValueError: `label_smoothing` is not in [0, 1).

    Example: two classes with equal logits cost log 2, smoothed or not.

    >>> loss = SparseCategoricalCrossentropy(label_smoothing=0.2)
    >>> round(float(loss([0, 1], [[0.0, 0.0], [0.0, 0.0]])), 4)
    0.6931

    Reference: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016,
    section 7, https://arxiv.org/abs/1512.00567
    """

    def __init__(
        self,
        label_smoothing=0.0,
        reduction="sum_over_batch_size",
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must be a number in [0, 1). Received: {label_smoothing!r}"
            )
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        logits: Any = ops.convert_to_tensor(y_pred)
        classes = logits.shape[-1]
        y_true = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        log_probabilities = ops.log_softmax(logits)
        labels = ops.one_hot(y_true, classes, dtype=logits.dtype)
        smoothed = (1 - self.label_smoothing) * labels + self.label_smoothing / classes
        return -ops.sum(smoothed * log_probabilities, axis=-1)

    def get_config(self):
        return {
            "label_smoothing": self.label_smoothing,
            "reduction": self.reduction,
            "name": self.name,
            "dtype": self.dtype,
        }
