"""`classify`: TensorFlow Serving's Classify, from serialized `tf.train.Example`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from ..errors import ExportError
from .signature import Signature

if TYPE_CHECKING:
    from ..classifier import Classifier


class Classify(Signature):
    """The score of each class for serialized examples, as in TensorFlow Serving's Classify.

    An example has a feature for each of the model's inputs, under its name: a list of floats, or of
    int64 for an integer or boolean input, with all elements of the input in row-major order.

    Inputs: `inputs`, string `(n,)`, serialized `tf.train.Example`.
    Answers: `classes`, string `(n, classes)`, the class names in their order; `scores`, float32
    `(n, classes)`, the probabilities.
    """

    name = "classify"
    method = "tensorflow/serving/classify"

    def inputs(self, classifier: "Classifier") -> Mapping[str, tf.TensorSpec]:
        """Return the examples; the model's inputs must be of known size."""
        for name, spec in classifier.inputs.specs.items():
            if not spec.shape[1:].is_fully_defined():
                raise ExportError(
                    "The signature 'classify' expects inputs of a fixed size, to read them from "
                    f"examples. Received: {name!r} of shape {spec.shape}"
                )
        return {"inputs": tf.TensorSpec((None,), tf.string, "inputs")}

    def answer(
        self, classifier: "Classifier", features: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Return the answers by name."""
        specs = classifier.inputs.specs
        formats = {
            name: tf.io.FixedLenFeature(spec.shape[1:], _stored(spec.dtype))
            for name, spec in specs.items()
        }
        parsed = tf.io.parse_example(features["inputs"], formats)
        scores = classifier.probabilities(
            {name: _cast(name, parsed[name], spec.dtype) for name, spec in specs.items()}
        )
        names = tf.constant([classifier.class_names])
        return {"classes": tf.tile(names, [tf.shape(scores)[0], 1]), "scores": scores}


def _stored(dtype: tf.DType) -> tf.DType:
    """Return the dtype of the list in an example that holds such values."""
    if dtype == tf.string:
        return tf.string
    return tf.float32 if dtype.is_floating else tf.int64


def _cast(name: str, values: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    if not dtype.is_integer or dtype == values.dtype:
        return tf.cast(values, dtype) if dtype != values.dtype else values
    limits = tf.constant([dtype.min, min(dtype.max, tf.int64.max)], tf.int64)
    inside = tf.reduce_all((values >= limits[0]) & (values <= limits[1]))
    message = f"Input {name!r}: expected {dtype.name}. Received an integer that is out of its range"
    with tf.control_dependencies([tf.debugging.Assert(inside, [message])]):
        return tf.cast(values, dtype)
