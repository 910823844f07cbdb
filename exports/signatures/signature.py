"""`Signature`, and the two that answer from the model's outputs: `serving_default` and `logits`."""

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import tensorflow as tf

from ..servable import PREDICT, SIGNATURE

if TYPE_CHECKING:
    from ..classifier import Classifier


class Signature(abc.ABC):
    """A function from named features to named answers, traced into the export.

    A subclass may be passed to `export(signatures=...)`.

    Attributes:
        name: The name of the signature.
        method: The API of TensorFlow Serving that asks it; Predict by default.

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

    def inputs(self, classifier: "Classifier") -> Mapping[str, tf.TensorSpec]:
        """Return feature name to `tf.TensorSpec` of shape `(None, ...)`; by default the model's.

        Raises:
            ExportError: If the model does not fit this signature.
        """
        return classifier.inputs.specs

    @abc.abstractmethod
    def answer(
        self, classifier: "Classifier", features: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Return the answers by name, one row for each row of `features`, to be traced."""


class ServingDefault(Signature):
    """The probabilities of the classes, and the most probable one; every export has it.

    Answers: `probabilities`, float32 `(n, classes)`; `class_id`, int64 `(n,)`, the most probable;
    `label`, string `(n,)`, its name.
    """

    name = SIGNATURE

    def answer(
        self, classifier: "Classifier", features: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Return the answers by name."""
        return labelled(classifier, features)


class Logits(Signature):
    """Numbers whose softmax are the probabilities.

    For ensembles, distillation and calibration, where probabilities near 0 and 1 have lost too
    much. They are divided by the temperature of the export. Of a model that ends in a softmax they
    are the logarithms of its probabilities, not below log(1.2e-38).

    Answers: `logits`, float32 `(n, classes)`.
    """

    name = "logits"

    def answer(
        self, classifier: "Classifier", features: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Return the answers by name."""
        return {"logits": classifier.logits(features)}


def labelled(classifier: "Classifier", features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return `probabilities`, `class_id` and `label` for raw features by name."""
    answers = numbers(classifier, features)
    names = tf.constant(classifier.class_names)
    return {**answers, "label": tf.gather(names, answers["class_id"])}


def numbers(classifier: "Classifier", features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return `probabilities` and `class_id` for raw features by name."""
    probabilities = classifier.probabilities(features)
    class_id = tf.argmax(probabilities, axis=-1, output_type=tf.int64)
    return {"probabilities": probabilities, "class_id": class_id}
