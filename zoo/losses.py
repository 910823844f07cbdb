"""Losses: the cross-entropy of labels of any form, and the standardized squared error."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..callbacks import baseline_loss
from .augmentation.label_smoothing import soft_labels


@keras.saving.register_keras_serializable(package="occam")
class CategoricalCrossentropy(keras.losses.Loss):
    """Cross-entropy of logits with integer, one-hot or soft labels.

        loss = - sum_k y_k log softmax(z)_k

    One loss takes the soft labels of mixing and label smoothing in training and the integers of the
    validation set. Label smoothing in Keras' losses changes the validation loss as well: use
    `zoo.augmentation.LabelSmoothing`, which acts in training only.

    Args:
        reduction, name, dtype: As in `keras.losses.Loss`.

    Shapes: Labels `(batch,)` or `(batch, 1)`, whole numbers, or `(batch, classes)`, probabilities.
    Logits `(batch, classes)`, at least two classes.

    Raises:
        ValueError: If labels have another shape or are outside of `[0, classes)`. In a graph, the
            loss is NaN instead.

    Example: With equal logits for two classes, the loss is log 2 for all labels.

    >>> loss = CategoricalCrossentropy()
    >>> round(float(loss([0, 1], [[0.0, 0.0], [0.0, 0.0]])), 4)
    0.6931
    >>> round(float(loss([[0.5, 0.5], [0.2, 0.8]], [[0.0, 0.0], [0.0, 0.0]])), 4)
    0.6931
    """

    task = "classification"  # read by occam.core.compiled_loss
    from_logits = True

    def __init__(
        self, reduction="sum_over_batch_size", name="categorical_crossentropy", dtype=None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        return categorical_crossentropy(y_true, y_pred)

    def get_config(self):
        return {"reduction": self.reduction, "name": self.name, "dtype": self.dtype}


def categorical_crossentropy(labels: Any, logits: Any) -> Any:
    """Return the cross-entropy of each sample, `(batch,)`; see `CategoricalCrossentropy`."""
    logits = ops.convert_to_tensor(logits)
    weights = ops.cast(probabilities(labels, logits), logits.dtype)
    return -ops.sum(weights * ops.log_softmax(logits), axis=-1)


def probabilities(labels: Any, logits: Any) -> Any:
    """Return labels of any form as float32 probabilities in the shape of the logits."""
    labels = ops.convert_to_tensor(labels)
    if tuple(labels.shape[1:]) in ((), (1,)):  # Keras passes integers to a loss as floats
        labels = ops.cast(labels, "int32")
    return soft_labels(labels, logits.shape[-1])


@keras.saving.register_keras_serializable(package="occam")
class StandardizedSquaredError(keras.losses.Loss):
    """Squared error in units of the standard deviation of each target.

        loss = mean_k ((y_k - f_k) / s_k)^2

    A constant model has a loss near 1, and `1 - loss` is near R2, whatever the units are.

    Args:
        scale: The standard deviation of each target in the training part.
        reduction, name, dtype: As in `keras.losses.Loss`.

    Shapes: Targets and predictions `(batch, targets)`; targets also `(batch,)` if there is one.

    Example:

    >>> loss = StandardizedSquaredError([10.0])
    >>> float(loss([[100.0], [120.0]], [[110.0], [110.0]])), loss.baseline([[100.0], [120.0]])
    (1.0, 1.0)
    """

    task = "regression"  # read by occam.core.compiled_loss

    def __init__(
        self,
        scale: Sequence[float],
        reduction="sum_over_batch_size",
        name="standardized_squared_error",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.scale = tuple(map(float, scale))

    def call(self, y_true, y_pred):
        values: Any = ops.convert_to_tensor(y_pred)
        targets = ops.reshape(ops.cast(y_true, values.dtype), ops.shape(values))
        scale = ops.convert_to_tensor(self.scale, values.dtype)
        return ops.mean(ops.square((targets - values) / scale), axis=-1)

    def baseline(self, targets: Any, sample_weight: Any = None) -> float:
        """Return the loss of the best constant prediction, as `occam.callbacks.Diagnosis` asks."""
        return baseline_loss(np.asarray(targets) / self.scale, "mse", sample_weight)

    def get_config(self):
        config = {"scale": list(self.scale), "reduction": self.reduction}
        return {**config, "name": self.name, "dtype": self.dtype}
