"""A Keras model with its preprocessing, temperature and class names."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..core.checks import check_bool, check_number, message
from .errors import ExportError
from .head import check_from_logits, check_loss, logits, means_logits, output_units, probabilities
from .inference import Inputs, infer


class Classifier:
    """A map from raw features to the probabilities of the classes, always in inference mode.

    The arguments and the errors are those of `export`. A compression replaces `served`, the model
    that is written; `model` stays the one that the export must agree with.
    """

    def __init__(
        self,
        model: keras.Model,
        preprocessing: Callable[[Any], Any] | None,
        from_logits: bool | None,
        class_names: Sequence[str] | None = None,
        temperature: float = 1.0,
    ):
        _check_model(model)
        if not (preprocessing is None or callable(preprocessing)):
            expected = "a function, a Keras layer or model, or None"
            raise TypeError(message("preprocessing", preprocessing, expected))
        check_bool("from_logits", from_logits, optional=True)
        check_number("temperature", temperature, "(0, inf)")
        self.model = self.served = model
        self._preprocessing = preprocessing
        self._temperature = float(temperature)
        inputs = Inputs.of(model)
        self.inputs = _raw_inputs(inputs, preprocessing)
        self.units = output_units(model, inputs.structure)
        check_loss(model, self.units)
        self.class_names = _class_names(class_names, max(self.units, 2))
        self.from_logits = means_logits(model, self.units) if from_logits is None else from_logits
        check_from_logits(model, self.units, self.from_logits, from_logits)

    @property
    def variables(self) -> list[Any]:
        """Return the Keras variables of `served` and of the preprocessing."""
        layers = (self.served, self._preprocessing)
        return [v for layer in layers if isinstance(layer, keras.Layer) for v in layer.variables]

    def probabilities(
        self, features: Mapping[str, tf.Tensor], model: keras.Model | None = None
    ) -> tf.Tensor:
        """Return `(n, classes)` float32 probabilities of raw features, by default of `served`."""
        model = self.served if model is None else model
        return self.probabilities_of(infer(model, self.prepared(features)))

    def logits(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return `(n, classes)` float32 logits of raw features by name."""
        outputs = infer(self.served, self.prepared(features))
        return logits(outputs, self.from_logits, self._temperature)

    def probabilities_of(self, outputs: tf.Tensor) -> tf.Tensor:
        """Return the `(n, classes)` float32 probabilities for outputs of the model."""
        return probabilities(outputs, self.from_logits, self._temperature)

    def predict(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the probabilities that `predict` of the original model gives."""
        prepared = self.prepared({name: tf.constant(x) for name, x in features.items()})
        outputs = self.model.predict(prepared, verbose=0)  # pyright: ignore[reportArgumentType]
        return self.probabilities_of(tf.constant(outputs)).numpy()

    def prepared(self, features: Mapping[str, tf.Tensor]) -> Any:
        """Return the model's inputs, nested as it takes them, from raw features by name."""
        raw = self.inputs.nest(features)
        if self._preprocessing is None:
            return raw
        if isinstance(self._preprocessing, keras.Layer):  # augmentation trains by default
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


def _check_model(model: Any) -> None:
    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            f"Could not export on the backend {keras.backend.backend()!r}, only on TensorFlow. "
            "Save the model as .keras and export it in a process with KERAS_BACKEND=tensorflow."
        )
    if not isinstance(model, keras.Model):
        raise ExportError(f"`model` must be a keras.Model. Received: {type(model).__name__}")
    inner = getattr(model, "model", None)
    if isinstance(inner, keras.Model) and not hasattr(model, "input"):
        raise ExportError(
            f"`model` must be the trained model. Received: {type(model).__name__} {model.name!r}, "
            "which wraps it for training. Export its attribute `model`"
        )


def _class_names(names: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    if names is None:
        return tuple(map(str, range(classes)))
    if isinstance(names, str) or not isinstance(names, Sized) or len(names) != classes:
        raise ValueError(message("class_names", names, f"{classes} names"))
    given = tuple(map(str, names))
    if twice := [name for name, times in Counter(given).items() if times > 1]:
        raise ValueError(f"`class_names` must differ. Received: {twice} more than once")
    return given
