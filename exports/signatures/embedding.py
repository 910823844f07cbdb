"""`embedding`: what the classifier has made of its input before it decides."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from .signature import Signature

if TYPE_CHECKING:
    from ..classifier import Classifier

__all__ = ["Embedding"]


class Embedding(Signature):
    """From the model's inputs to the output of a layer inside, for search, clusters and drift.

    Answers: `embedding`, float32 `(n, ...)`.

    Args:
        layer: the name of a layer, or its path `model/layer` within nested models, of which the
            output is taken; by default that which goes into the last layer with weights.
    """

    name = "embedding"

    def __init__(self, layer: str | None = None):
        self.layer = layer

    def answer(
        self, classifier: "Classifier", features: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """The answers by name."""
        from .flow import Flow  # here, since only a writer needs Keras

        flow = Flow(classifier.model, "embedding")
        value = flow.penultimate() if self.layer is None else flow.output_of(self.layer)
        values = flow.begin(classifier.prepared(features))
        flow.run(flow.before(value), values)
        return {"embedding": tf.cast(values[value], tf.float32)}
