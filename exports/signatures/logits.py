"""`logits`: what the probabilities are the softmax of."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from .signature import Signature

if TYPE_CHECKING:
    from ..classifier import Classifier

__all__ = ["Logits"]


class Logits(Signature):
    """From the model's inputs to numbers whose softmax are the probabilities.

    For ensembles, distillation and calibration, where probabilities near 0 and 1 have lost what
    matters. They are divided by the temperature, if one is baked in. Of a model that ends in a
    softmax they are the logarithms of its probabilities, not below log(1.2e-38).

    Answers: `logits`, float32 `(n, classes)`.
    """

    name = "logits"

    def answer(
        self, classifier: "Classifier", features: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """The answers by name."""
        return {"logits": classifier.logits(features)}
