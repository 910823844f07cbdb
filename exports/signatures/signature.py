"""`Signature`, and the signatures computed from the outputs of the model."""

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import tensorflow as tf

from ..errors import ExportError
from ..servable import PREDICT, SIGNATURE

if TYPE_CHECKING:
    from ..served_model import ServedModel

Specs = Mapping[str, tf.TensorSpec]
Tensors = Mapping[str, tf.Tensor]


class Signature(abc.ABC):
    """A function from features to answers by name, traced into the export.

    Subclass it for a signature of your own in `export(signatures=...)`.

    Attributes:
        name: The name of the signature.
        method: The API of TensorFlow Serving that calls it, by default Predict.
        tasks: The tasks that it supports; by default, None for all of them.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> class Confidence(exports.Signature):
    ...     name = "confidence"
    ...
    ...     def answer(self, served, features):
    ...         probabilities = served.answers(features)["probabilities"]
    ...         return {"confidence": tf.reduce_max(probabilities, axis=-1)}
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(2)])
    >>> directory = tempfile.mkdtemp()
    >>> published = exports.export(
    ...     model, directory, task="classification", signatures=[Confidence()]
    ... )
    >>> exports.load(directory).call("confidence", x=[[0.0, 0.0]])
    {'confidence': array([0.5], dtype=float32)}
    """

    name: ClassVar[str]
    method: ClassVar[str] = PREDICT
    tasks: ClassVar[tuple[str, ...] | None] = None

    def check_task(self, task: str) -> None:
        """Raise an `ExportError` if the signature does not support the task of a model."""
        if self.tasks is not None and task not in self.tasks:
            raise ExportError(
                f"The signature {self.name!r} needs the task {' or '.join(map(repr, self.tasks))}. "
                f"Received: a model of the task {task!r}"
            )

    def inputs(self, served: "ServedModel") -> Specs:
        """Return feature name to `tf.TensorSpec` of shape `(None, ...)`; by default the model's.

        Raises:
            ExportError: If the model does not fit this signature.
        """
        return served.inputs.specs

    @abc.abstractmethod
    def answer(self, served: "ServedModel", features: Tensors) -> dict[str, tf.Tensor]:
        """Return the answers by name, one row for each row of `features`, to be traced."""


class ServingDefault(Signature):
    """The answers of the task of a model; every export has it.

    Answers: for classification `probabilities`, float32 `(n, classes)`, `class_id`, int64 `(n,)`,
    and `label`, string `(n,)`, and on request `prediction_set`, string `(n, classes)`, and
    `set_size`, int64 `(n,)`; for multilabel `probabilities`, float32 `(n, labels)`, `labels`,
    string `(n, labels)`, the predicted ones first and then "", and `count`, int64 `(n,)`, how many
    are predicted; for regression `values`, float32 `(n, targets)`, and on request `intervals`,
    float32 `(n, targets, 2)`; otherwise the outputs of the model by name.
    """

    name = SIGNATURE

    def answer(self, served: "ServedModel", features: Tensors) -> dict[str, tf.Tensor]:
        return served.answers(features)


class Logits(Signature):
    """The logits, divided by the temperature of the export, for ensembles and distillation.

    For a model that ends in a softmax they are the logarithms of its probabilities, at least
    log(1.2e-38); for one that ends in sigmoids, `log p - log(1 - p)`.

    Answers: `logits`, float32 `(n, classes)` or `(n, labels)`.
    """

    name = "logits"
    tasks = ("classification", "multilabel")

    def answer(self, served: "ServedModel", features: Tensors) -> dict[str, tf.Tensor]:
        return {"logits": served.head.logits(served.outputs(features))}


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
    tasks = ("classification",)

    def inputs(self, served: "ServedModel") -> Specs:
        for name, spec in served.inputs.specs.items():
            if not spec.shape[1:].is_fully_defined():
                raise ExportError(
                    "The signature 'classify' needs inputs of a fixed size. "
                    f"Received: {name!r} of shape {spec.shape}"
                )
        return {"inputs": tf.TensorSpec((None,), tf.string, "inputs")}

    def answer(self, served: "ServedModel", features: Tensors) -> dict[str, tf.Tensor]:
        specs = served.inputs.specs
        formats = {
            name: tf.io.FixedLenFeature(spec.shape[1:], _stored(spec.dtype))
            for name, spec in specs.items()
        }
        parsed = tf.io.parse_example(features["inputs"], formats)
        given = {name: _cast(name, parsed[name], spec.dtype) for name, spec in specs.items()}
        scores = served.numbers(given)["probabilities"]
        names = tf.constant([served.head.names])
        return {"classes": tf.tile(names, [tf.shape(scores)[0], 1]), "scores": scores}


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
