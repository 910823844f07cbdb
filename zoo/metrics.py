"""Metrics of logits with labels of any form, as `zoo.losses` takes them."""

from typing import Any

import keras
from keras import ops

from .losses import categorical_crossentropy, probabilities

__all__ = ["CategoricalAccuracy", "DataLoss"]


@keras.saving.register_keras_serializable(package="occam")
class DataLoss(keras.metrics.MeanMetricWrapper):
    """The data loss: the mean cross-entropy, without any penalty.

    Shapes: as in `zoo.losses.CategoricalCrossentropy`.

    >>> metric = DataLoss()
    >>> metric.update_state([1], [[0.0, 0.0]])
    >>> round(float(metric.result()), 4)
    0.6931
    """

    def __init__(self, name="data_loss", dtype=None):
        super().__init__(fn=categorical_crossentropy, name=name, dtype=dtype)
        self._direction = "down"

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@keras.saving.register_keras_serializable(package="occam")
class CategoricalAccuracy(keras.metrics.MeanMetricWrapper):
    """How often the largest logit is that of the (most probable) class.

    Shapes: as in `zoo.losses.CategoricalCrossentropy`.

    >>> metric = CategoricalAccuracy()
    >>> metric.update_state([[0.7, 0.3], [0.4, 0.6]], [[2.0, 1.0], [2.0, 1.0]])
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(fn=_right, name=name, dtype=dtype)
        self._direction = "up"

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


def _right(labels: Any, logits: Any) -> Any:
    logits = ops.convert_to_tensor(logits)
    classes = ops.argmax(probabilities(labels, logits), axis=-1)
    return ops.cast(ops.equal(classes, ops.argmax(logits, axis=-1)), "float32")
