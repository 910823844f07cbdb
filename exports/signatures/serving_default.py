"""`serving_default`: the probabilities, and the class that they are for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from .signature import Signature

if TYPE_CHECKING:
    from ..classifier import Classifier

__all__ = ["ServingDefault", "labelled", "numbers"]


class ServingDefault(Signature):
    """From the model's inputs to what to answer; each export has it.

    Answers: `probabilities`, float32 `(n, classes)`; `class_id`, int64 `(n,)`, the most probable;
    `label`, string `(n,)`, its name.
    """

    name = "serving_default"

    def answer(
        self, classifier: "Classifier", features: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """The answers by name."""
        return labelled(classifier, features)


def labelled(classifier: "Classifier", features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """`probabilities`, `class_id` and `label` for raw features by name."""
    answers = numbers(classifier, features)
    names = tf.constant(classifier.class_names)
    return {**answers, "label": tf.gather(names, answers["class_id"])}


def numbers(classifier: "Classifier", features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """`probabilities` and `class_id` for raw features by name."""
    probabilities = classifier.probabilities(features)
    class_id = tf.argmax(probabilities, axis=-1, output_type=tf.int64)
    return {"probabilities": probabilities, "class_id": class_id}
