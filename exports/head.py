"""The last step of a classifier: what its outputs mean, and the probabilities they stand for."""

from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from .errors import ExportError

__all__ = ["logits", "means_logits", "output_units", "probabilities"]

_TINY = float(np.finfo("float32").tiny)

Meaning = Literal["softmax", "sigmoid", "linear"]
_MEANINGS: dict[Any, Meaning] = {
    keras.activations.softmax: "softmax",
    keras.activations.sigmoid: "sigmoid",
    keras.activations.linear: "linear",
}


def output_units(model: keras.Model, inputs: Any) -> int:
    """The size of the last axis of the model's one output.

    Args:
        model: any Keras model.
        inputs: its symbolic inputs, nested as it takes them.

    Raises:
        ExportError: it has several outputs, or one that is not of shape `(batch, classes)`.
    """
    if outputs := getattr(model, "outputs", None):
        output = outputs[0] if isinstance(model, keras.Sequential) else model.output
    else:
        output = model.compute_output_spec(inputs)
    shape = getattr(output, "shape", None)
    if shape is None or len(shape) != 2 or shape[-1] is None:
        received = keras.tree.map_structure(lambda tensor: tensor.shape, output)
        raise ExportError(
            "Expected a classifier with one output of shape (batch, classes). "
            f"Received: {model.name!r} with the output {received}"
        )
    return shape[-1]


def means_logits(model: keras.Model, units: int) -> bool:
    """Whether the model's outputs are logits, judged by its last activation.

    Softmax (or sigmoid on one unit) means probabilities, linear means logits.

    Args:
        model: any Keras model.
        units: the size of its output's last axis.

    Raises:
        ExportError: the last activation is another one, or the model is subclassed, so that it
            cannot be seen.
    """
    last = _last_operation(model)
    meaning = _MEANINGS.get(getattr(last, "activation", None))
    if isinstance(last, keras.layers.Softmax):
        meaning = "softmax"
    if meaning == "linear":
        return True
    if meaning == ("sigmoid" if units == 1 else "softmax"):
        return False
    raise ExportError(
        f"Expected a last layer with the activation {'sigmoid' if units == 1 else 'softmax'} "
        f"(probabilities) or linear (logits) for an output of {units} unit(s). Received: "
        f"{_described(last)}. If the outputs are logits, pass from_logits=True; "
        "if they are the probabilities of exclusive classes, pass from_logits=False"
    )


def probabilities(outputs: tf.Tensor, from_logits: bool, temperature: float = 1.0) -> tf.Tensor:
    """`(n, classes)` float32 probabilities from outputs of shape `(n, units)`.

    One unit stands for two classes: `(1 - p, p)`. The outputs are cast before the softmax, so that
    a model in half precision gives probabilities in float32.
    """
    if temperature != 1.0:
        return tf.nn.softmax(logits(outputs, from_logits, temperature))
    outputs = tf.cast(outputs, tf.float32)
    if outputs.shape[-1] == 1:
        both = [-outputs, outputs] if from_logits else [1 - outputs, outputs]
        outputs = tf.concat(both, axis=-1)
        return tf.sigmoid(outputs) if from_logits else outputs
    return tf.nn.softmax(outputs) if from_logits else outputs


def logits(outputs: tf.Tensor, from_logits: bool, temperature: float = 1.0) -> tf.Tensor:
    """`(n, classes)` float32 numbers whose softmax are the probabilities.

    Of a model that gives probabilities it is their logarithm, that of 0 taken at float32's smallest
    normal number. One unit stands for two classes: `(0, z)`, or `(log(1 - p), log(p))`.
    """
    outputs = tf.cast(outputs, tf.float32)
    if not from_logits:
        both = outputs.shape[-1] == 1
        outputs = tf.concat([1 - outputs, outputs], axis=-1) if both else outputs
        outputs = tf.math.log(tf.maximum(outputs, _TINY))
    elif outputs.shape[-1] == 1:
        outputs = tf.concat([tf.zeros_like(outputs), outputs], axis=-1)
    return outputs if temperature == 1.0 else outputs / temperature


def _last_operation(model: keras.Model) -> Any:
    """The operation that makes the output, within nested models, before layers that only cast."""
    operation: Any = model
    while isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
        operation = _producer(operation.outputs[0])
        while _only_casts(operation):
            operation = _producer(operation.input)
    return operation


def _producer(tensor: Any) -> Any:
    return tensor._keras_history.operation


def _only_casts(operation: Any) -> bool:
    linear = isinstance(operation, keras.layers.Activation) and (
        operation.activation is keras.activations.linear
    )
    return linear or isinstance(operation, keras.layers.Identity | keras.layers.Dropout)


def _described(operation: Any) -> str:
    if isinstance(operation, keras.Model):
        return f"the subclassed {type(operation).__name__} {operation.name!r}, which shows no layer"
    activation = getattr(operation, "activation", None)
    name = getattr(activation, "__name__", None) or "no activation"
    return f"{type(operation).__name__} {operation.name!r} with {name}"
