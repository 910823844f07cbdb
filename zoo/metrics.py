"""Metrics of logits, for labels of any form."""

from typing import Any

import keras
from keras import ops

from .losses import CategoricalCrossentropy, probabilities


@keras.saving.register_keras_serializable(package="occam")
class DataLoss(keras.metrics.MeanMetricWrapper):
    """The data loss: the mean of a loss over the samples, without penalties.

    Args:
        loss: The loss; by default the `CategoricalCrossentropy`.
        name, dtype: As in `keras.metrics.Metric`.

    Shapes: As in the loss.

    >>> metric = DataLoss()
    >>> metric.update_state([1], [[0.0, 0.0]])
    >>> round(float(metric.result()), 4)
    0.6931
    """

    def __init__(self, loss=None, name="data_loss", dtype=None):
        self.loss: Any = CategoricalCrossentropy() if loss is None else keras.losses.get(loss)
        super().__init__(fn=self.loss.call, name=name, dtype=dtype)
        self._direction = "down"

    def get_config(self):
        loss = keras.saving.serialize_keras_object(self.loss)
        return {"loss": loss, "name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        loss = keras.saving.deserialize_keras_object(config["loss"])
        return cls(**{**config, "loss": loss})


@keras.saving.register_keras_serializable(package="occam")
class CategoricalAccuracy(keras.metrics.MeanMetricWrapper):
    """The fraction of samples whose largest logit is that of the most probable class.

    Shapes: As in `zoo.losses.CategoricalCrossentropy`.

    >>> metric = CategoricalAccuracy()
    >>> metric.update_state([[0.7, 0.3], [0.4, 0.6]], [[2.0, 1.0], [2.0, 1.0]])
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(fn=_correct, name=name, dtype=dtype)
        self._direction = "up"

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


def _correct(labels: Any, logits: Any) -> Any:
    logits = ops.convert_to_tensor(logits)
    classes = ops.argmax(probabilities(labels, logits), axis=-1)
    return ops.cast(ops.equal(classes, ops.argmax(logits, axis=-1)), "float32")
