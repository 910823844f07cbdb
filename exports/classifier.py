"""A Keras model together with what leads to its inputs and what its outputs mean."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Sized
from numbers import Real
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .errors import ExportError
from .head import (
    check_from_logits,
    check_loss,
    logits,
    means_logits,
    output_units,
    probabilities,
)
from .inference import infer
from .inputs import Inputs

__all__ = ["Classifier"]


class Classifier:
    """From raw features by name to the probabilities of the classes, always in inference mode.

    Args:
        model: any Keras model with one output of shape `(batch, classes)` or `(batch, 1)`.
        preprocessing: from raw inputs to the model's, or None.
        from_logits: whether the outputs are logits; None: as the last activation says.
        class_names: one a class; None: "0", "1", ...
        temperature: by which the logits are divided.

    Attributes:
        model: the model.
        inputs: the raw features that it starts from.
        units: the size of the last axis of the model's output.
        from_logits: whether the outputs are logits.
        class_names: the name of each class, by class id.

    Raises:
        ExportError: the model is not such a classifier, the loss that it was compiled with says
            something else, or Keras runs on another backend.
        TypeError: `preprocessing` or `from_logits` is something else.
        ValueError: `class_names` are not as many as the classes, or two are the same, or
            `temperature` is not positive.
    """

    def __init__(
        self,
        model: keras.Model,
        preprocessing: Callable[[Any], Any] | None,
        from_logits: bool | None,
        class_names: Sequence[str] | None = None,
        temperature: float = 1.0,
    ):
        _check_backend()
        _check_model(model)
        _check_preprocessing(preprocessing)
        _check_from_logits(from_logits)
        self.model = model
        self._preprocessing = preprocessing
        inputs = Inputs.of(model)
        self.inputs = _raw_inputs(inputs, preprocessing)
        self.units = output_units(model, inputs.structure)
        check_loss(model, self.units)
        self.class_names = _class_names(class_names, max(self.units, 2))
        self._temperature = _positive(temperature)
        means = means_logits(model, self.units) if from_logits is None else from_logits
        check_from_logits(model, self.units, means, from_logits)
        self.from_logits = means

    @property
    def variables(self) -> list[Any]:
        """The Keras variables of the model and of its preprocessing."""
        layers = (self.model, self._preprocessing)
        return [v for layer in layers if isinstance(layer, keras.Layer) for v in layer.variables]

    def probabilities(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """`(n, classes)` float32 from raw features by name; what is traced."""
        return self.probabilities_of(infer(self.model, self.prepared(features)))

    def logits(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """`(n, classes)` float32, of which the softmax are the probabilities."""
        outputs = infer(self.model, self.prepared(features))
        return logits(outputs, self.from_logits, self._temperature)

    def probabilities_of(self, outputs: tf.Tensor) -> tf.Tensor:
        """`(n, classes)` float32 from what the model returned."""
        return probabilities(outputs, self.from_logits, self._temperature)

    def predict(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """The same by way of `model.predict`; what the written model is compared with."""
        prepared = self.prepared({name: tf.constant(x) for name, x in features.items()})
        outputs = self.model.predict(prepared, verbose=0)  # pyright: ignore[reportArgumentType]
        return self.probabilities_of(tf.constant(outputs)).numpy()

    def prepared(self, features: Mapping[str, tf.Tensor]) -> Any:
        """The model's inputs, nested as it takes them, from raw features by name."""
        raw = self.inputs.nest(features)
        if self._preprocessing is None:
            return raw
        if isinstance(self._preprocessing, keras.Layer):
            # Keras' augmentation layers are in training mode unless they are told otherwise.
            return infer(self._preprocessing, raw)
        return self._preprocessing(raw)


def _raw_inputs(model_inputs: Inputs, preprocessing: Any) -> Inputs:
    if preprocessing is None:
        return model_inputs
    if isinstance(preprocessing, keras.Model):
        return Inputs.of(preprocessing)
    if isinstance(preprocessing, keras.layers.TextVectorization):
        return model_inputs.raw(tf.string, (None,))
    if isinstance(preprocessing, keras.layers.StringLookup):
        return model_inputs.raw(tf.string)
    if isinstance(preprocessing, keras.layers.IntegerLookup):
        return model_inputs.raw(tf.int64)
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


def _check_preprocessing(preprocessing: Any) -> None:
    if not (preprocessing is None or callable(preprocessing)):
        raise TypeError(
            "preprocessing must be a function, a Keras layer or model, or None. "
            f"Received: preprocessing={preprocessing!r}"
        )


def _check_from_logits(from_logits: Any) -> None:
    if not isinstance(from_logits, bool | None):
        raise TypeError(
            f"from_logits must be True, False or None. Received: from_logits={from_logits!r}"
        )


def _class_names(names: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    if names is None:
        return tuple(map(str, range(classes)))
    if isinstance(names, str) or not isinstance(names, Sized) or len(names) != classes:
        raise ValueError(f"Expected class_names with {classes} names. Received: {names!r}")
    given = tuple(map(str, names))
    if twice := [name for name, times in Counter(given).items() if times > 1]:
        raise ValueError(f"Expected class_names that differ. Received: {twice} more than once")
    return given


def _positive(temperature: float) -> float:
    if not (isinstance(temperature, Real) and 0 < temperature < math.inf):
        raise ValueError(f"Expected a temperature > 0. Received: temperature={temperature!r}")
    return float(temperature)
