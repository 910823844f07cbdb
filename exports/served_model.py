"""A Keras model with its preprocessing and the head of its task."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..core.checks import check_type, message
from .conformal import Intervals, PredictionSets
from .errors import ExportError
from .heads.choose import Told, choose_head, units_of
from .inference import Inputs, infer
from .predictor import decoded
from .specs import features_of


class ServedModel:
    """A map from raw features to answers by name, always in inference mode.

    The arguments and the errors are those of `export`. A compression replaces `written`, the model
    that is written; `model` stays the one that the export must agree with.

    Attributes:
        inputs: The raw inputs, by name.
        head: The `Head` of the task.
        units: The size of a single output `(batch, units)`, else 0.
    """

    def __init__(
        self, model: keras.Model, preprocessing: Callable[[Any], Any] | None = None, **told: Any
    ):
        _check_model(model)
        if not (preprocessing is None or callable(preprocessing)):
            expected = "a function, a Keras layer or model, or None"
            raise TypeError(message("preprocessing", preprocessing, expected))
        arguments = Told(**told)
        self.model = self.written = model
        self._preprocessing = preprocessing
        inputs = Inputs.of(model)
        self.inputs = _raw_inputs(inputs, preprocessing)
        outputs = _symbolic_outputs(model, inputs.structure)
        self.units = units_of(outputs) or 0
        self.head = choose_head(model, outputs, arguments)
        self._calibrate("intervals", arguments.intervals, Intervals)
        self._calibrate("prediction_sets", arguments.prediction_sets, PredictionSets)

    @property
    def variables(self) -> list[Any]:
        """Return the Keras variables of `written` and of the preprocessing."""
        layers = (self.written, self._preprocessing)
        return [v for layer in layers if isinstance(layer, keras.Layer) for v in layer.variables]

    def answers(
        self, features: Mapping[str, tf.Tensor], model: keras.Model | None = None
    ) -> dict[str, tf.Tensor]:
        """Return the answers of `serving_default` for raw features, by default of `written`."""
        return self.head.answers(self.outputs(features, model))

    def numbers(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the answers that are not text, for raw features by name."""
        return self.head.numbers(self.outputs(features))

    def outputs(
        self, features: Mapping[str, tf.Tensor], model: keras.Model | None = None
    ) -> list[tf.Tensor]:
        """Return the outputs of the model, flat, for raw features by name."""
        model = self.written if model is None else model
        return keras.tree.flatten(infer(model, self.prepared(features)))

    def predict(self, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the answers for what `predict` of the original model gives."""
        prepared = self.prepared({name: tf.constant(x) for name, x in features.items()})
        outputs = self.model.predict(prepared, verbose=0)  # pyright: ignore[reportArgumentType]
        answers = self.head.answers([tf.constant(x) for x in keras.tree.flatten(outputs)])
        return {name: decoded(tensor.numpy()) for name, tensor in answers.items()}

    def prepared(self, features: Mapping[str, tf.Tensor]) -> Any:
        """Return the model's inputs, nested as it takes them, from raw features by name."""
        raw = self.inputs.nest(features)
        if self._preprocessing is None:
            return raw
        if isinstance(self._preprocessing, keras.Layer):  # augmentation trains by default
            return infer(self._preprocessing, raw)
        return self._preprocessing(raw)

    def _calibrate(self, name: str, given: Any, kind: type) -> None:
        """Replace the head by one with the intervals or sets that are asked for, if any."""
        if given is None:
            return
        check_type(name, given, kind, f"exports.{kind.__name__}(coverage, data)")
        features = features_of(self.inputs.specs, given.data[0], f" in the data of {name}")
        self.head = given.fit(self.head, features, self.predict)


def _symbolic_outputs(model: keras.Model, inputs: Any) -> Any:
    """Return the outputs of a model, nested as it gives them, for symbolic inputs."""
    if outputs := getattr(model, "outputs", None):
        return outputs[0] if isinstance(model, keras.Sequential) else model.output
    try:
        return model.compute_output_spec(inputs)
    except Exception as error:  # of the user's `call`
        raise ExportError(
            "`model` must take one input in `call`; wrap a subclassed model with several inputs in "
            f"a functional model. Received: {type(model).__name__} {model.name!r}, which fails "
            f"with {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error


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
            "`model` must be the inner model, not the wrapper used to train it. Received: "
            f"{type(model).__name__} {model.name!r}. Export its attribute `model` instead."
        )
