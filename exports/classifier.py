"""A Keras model together with what leads to its inputs and what its outputs mean."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .errors import ExportError
from .head import means_logits, output_units, probabilities
from .inputs import Inputs

__all__ = ["Classifier"]


class Classifier:
    """From raw features by name to the probabilities of the classes, always in inference mode.

    Args:
        model: any Keras model with one output of shape `(batch, classes)` or `(batch, 1)`.
        preprocessing: from raw inputs to the model's, or None.
        from_logits: whether the outputs are logits; None: as the last activation says.

    Raises:
        ExportError: the model is not such a classifier, or Keras runs on another backend.
    """

    def __init__(
        self,
        model: keras.Model,
        preprocessing: Callable[[Any], Any] | None,
        from_logits: bool | None,
    ):
        _check_backend()
        _check_model(model)
        self._model = model
        self._preprocessing = preprocessing
        inputs = Inputs.of(model)
        self.inputs = _raw_inputs(inputs, preprocessing)
        units = output_units(model, inputs.structure)
        self.classes = max(units, 2)
        self._from_logits = means_logits(model, units) if from_logits is None else from_logits

    @property
    def variables(self) -> list[Any]:
        """The Keras variables of the model and of its preprocessing."""
        layers = (self._model, self._preprocessing)
        return [v for layer in layers if isinstance(layer, keras.Layer) for v in layer.variables]

    def probabilities(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """`(n, classes)` float32 from raw features by name; what is traced."""
        outputs = self._model(self._prepared(features), training=False)
        return probabilities(outputs, self._from_logits)

    def predict(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """The same by way of `model.predict`; what the written model is compared with."""
        prepared = self._prepared({name: tf.constant(x) for name, x in features.items()})
        outputs = self._model.predict(prepared, verbose=0)  # pyright: ignore[reportArgumentType]
        return probabilities(tf.constant(outputs), self._from_logits).numpy()

    def _prepared(self, features: Mapping[str, tf.Tensor]) -> Any:
        raw = self.inputs.nest(features)
        if self._preprocessing is None:
            return raw
        if isinstance(self._preprocessing, keras.Layer):
            # Keras' augmentation layers are in training mode unless they are told otherwise.
            return self._preprocessing(raw, training=False)
        return self._preprocessing(raw)


def _raw_inputs(model_inputs: Inputs, preprocessing: Any) -> Inputs:
    if preprocessing is None:
        return model_inputs
    if isinstance(preprocessing, keras.Model):
        return Inputs.of(preprocessing)
    return model_inputs.raw()


def _check_backend() -> None:
    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            "Expected Keras on the TensorFlow backend, whose graph is written. Received: "
            f"{keras.backend.backend()}. Save the model as .keras and export it in a process "
            "with KERAS_BACKEND=tensorflow"
        )


def _check_model(model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise ExportError(f"Expected a keras.Model. Received: {type(model).__name__}")
