"""`Signature`, and the signatures computed from the outputs of the model."""

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import tensorflow as tf

from ..errors import ExportError
from ..servable import PREDICT, SIGNATURE

if TYPE_CHECKING:
    from ..classifier import Classifier

Specs = Mapping[str, tf.TensorSpec]
Tensors = Mapping[str, tf.Tensor]


class Signature(abc.ABC):
    """A function from features to answers by name, traced into the export.

    Subclass it for a signature of your own in `export(signatures=...)`.

    Attributes:
        name: The name of the signature.
        method: The API of TensorFlow Serving that calls it, by default Predict.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> class Confidence(exports.Signature):
    ...     name = "confidence"
    ...
    ...     def answer(self, classifier, features):
    ...         return {"confidence": tf.reduce_max(classifier.probabilities(features), axis=-1)}
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(2)])
    >>> directory = tempfile.mkdtemp()
    >>> published = exports.export(model, directory, signatures=[Confidence()])
    >>> exports.load(directory).call("confidence", x=[[0.0, 0.0]])
    {'confidence': array([0.5], dtype=float32)}
    """

    name: ClassVar[str]
    method: ClassVar[str] = PREDICT

    def inputs(self, classifier: "Classifier") -> Specs:
        """Return feature name to `tf.TensorSpec` of shape `(None, ...)`; by default the model's.

        Raises:
            ExportError: If the model does not fit this signature.
        """
        return classifier.inputs.specs

    @abc.abstractmethod
    def answer(self, classifier: "Classifier", features: Tensors) -> dict[str, tf.Tensor]:
        """Return the answers by name, one row for each row of `features`, to be traced."""


class ServingDefault(Signature):
    """The probabilities of the classes and the most probable one; every export has it.

    Answers: `probabilities`, float32 `(n, classes)`; `class_id`, int64 `(n,)`; `label`, string
    `(n,)`, the name of the class.
    """

    name = SIGNATURE

    def answer(self, classifier: "Classifier", features: Tensors) -> dict[str, tf.Tensor]:
        return labelled(classifier, features)


class Logits(Signature):
    """The logits, divided by the temperature of the export, for ensembles and distillation.

    For a model that ends in a softmax they are the logarithms of its probabilities, at least
    log(1.2e-38).

    Answers: `logits`, float32 `(n, classes)`.
    """

    name = "logits"

    def answer(self, classifier: "Classifier", features: Tensors) -> dict[str, tf.Tensor]:
        return {"logits": classifier.logits(features)}


class Classify(Signature):
    """The score of each class for serialized examples, as in TensorFlow Serving's Classify.

    An example has one feature per input of the model, under its name: a list of floats, or of int64
    for an integer or boolean input, in row-major order.

    Inputs: `inputs`, string `(n,)`, serialized `tf.train.Example`.
    Answers: `classes`, string `(n, classes)`, the class names in their order; `scores`, float32
    `(n, classes)`, the probabilities.
    """

    name = "classify"
    method = "tensorflow/serving/classify"

    def inputs(self, classifier: "Classifier") -> Specs:
        for name, spec in classifier.inputs.specs.items():
            if not spec.shape[1:].is_fully_defined():
                raise ExportError(
                    "The signature 'classify' needs inputs of a fixed size. "
                    f"Received: {name!r} of shape {spec.shape}"
                )
        return {"inputs": tf.TensorSpec((None,), tf.string, "inputs")}

    def answer(self, classifier: "Classifier", features: Tensors) -> dict[str, tf.Tensor]:
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


def labelled(classifier: "Classifier", features: Tensors) -> dict[str, tf.Tensor]:
    """Return `probabilities`, `class_id` and `label` for raw features by name."""
    answers = numbers(classifier, features)
    names = tf.constant(classifier.class_names)
    return {**answers, "label": tf.gather(names, answers["class_id"])}


def numbers(classifier: "Classifier", features: Tensors) -> dict[str, tf.Tensor]:
    """Return `probabilities` and `class_id` for raw features by name."""
    probabilities = classifier.probabilities(features)
    class_id = tf.argmax(probabilities, axis=-1, output_type=tf.int64)
    return {"probabilities": probabilities, "class_id": class_id}


def _stored(dtype: tf.DType) -> tf.DType:
    if dtype == tf.string:
        return tf.string
    return tf.float32 if dtype.is_floating else tf.int64


def _cast(name: str, values: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    if not dtype.is_integer or dtype == values.dtype:
        return tf.cast(values, dtype) if dtype != values.dtype else values
    limits = tf.constant([dtype.min, min(dtype.max, tf.int64.max)], tf.int64)
    inside = tf.reduce_all((values >= limits[0]) & (values <= limits[1]))
    message = f"`{name}` must be {dtype.name}. Received an integer out of its range"
    with tf.control_dependencies([tf.debugging.Assert(inside, [message])]):
        return tf.cast(values, dtype)
