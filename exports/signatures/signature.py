"""`Signature`: one of the questions that an export answers."""

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import tensorflow as tf

if TYPE_CHECKING:
    from ..classifier import Classifier

__all__ = ["Signature"]


class Signature(abc.ABC):
    """A function from named features to named answers, of which the graph is written.

    Attributes:
        name: of the signature.
        method: what TensorFlow Serving calls it, Predict unless it says something else.
    """

    name: ClassVar[str]
    method: ClassVar[str] = "tensorflow/serving/predict"

    def inputs(self, classifier: "Classifier") -> Mapping[str, tf.TensorSpec]:
        """Feature name to `tf.TensorSpec` of shape `(None, ...)`; the model's, unless overridden.

        Raises:
            ExportError: the model is not one for this signature.
        """
        return classifier.inputs.specs

    @abc.abstractmethod
    def answer(
        self, classifier: "Classifier", features: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """The answers by name, one row for each row of `features`; what is traced."""
