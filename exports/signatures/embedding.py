"""`embedding`: the output of a layer inside the model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ..errors import ExportError
from .signature import Signature

if TYPE_CHECKING:
    from ..classifier import Classifier


class Embedding(Signature):
    """The output of a layer inside the model, for search, clusters and drift.

    Answers: `embedding`, float32 `(n, ...)`.

    Args:
        layer: The name of the layer, or its path `model/layer` within nested models; by default,
            the input of the last layer with weights is answered.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> layers = [keras.layers.Dense(4, "relu"), keras.layers.Dense(3)]
    >>> model = keras.Sequential([keras.Input((2,), name="x"), *layers])
    >>> directory = tempfile.mkdtemp()
    >>> published = exports.export(model, directory, signatures=[exports.Embedding()])
    >>> exports.load(directory).call("embedding", x=[[0.0, 0.0]])
    {'embedding': array([[0., 0., 0., 0.]], dtype=float32)}
    """

    name = "embedding"

    def __init__(self, layer: str | None = None):
        self.layer = layer

    def answer(
        self, classifier: "Classifier", features: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Return the answers by name."""
        from .flow import Flow  # here, since only a writer needs Keras

        flow = Flow(classifier.served, "embedding")
        value = _penultimate(flow) if self.layer is None else _output_of(flow, self.layer)
        values = flow.begin(classifier.prepared(features))
        flow.run(flow.before(value), values)
        return {"embedding": tf.cast(values[value], tf.float32)}


def _penultimate(flow: Any) -> Any:
    """Return the input of the last layer that has weights."""
    makers = flow.graph.makers()
    value = flow.output
    while value in makers:
        step = makers[value]
        if len(step.inputs) != 1:
            break
        value = step.inputs[0]
        if getattr(step.operation, "weights", None):
            if value not in makers:
                break
            return value
    raise ExportError(
        "The signature 'embedding' expects layers before the last one with weights. Received: "
        f"{flow.graph.model.name!r}, in which there is no single such value. "
        f"Name a layer: Embedding(layer), one of {_names(flow)}"
    )


def _output_of(flow: Any, layer: str) -> Any:
    """Return the output of the first call of a layer, given by its name or path."""
    for step in flow.steps:
        if layer in (step.path, step.operation.name) and len(step.outputs) == 1:
            return step.outputs[0]
    raise ExportError(
        f"The signature 'embedding' expects a layer of one output, one of {_names(flow)}. "
        f"Received: layer={layer!r}"
    )


def _names(flow: Any) -> list[str]:
    return list(dict.fromkeys(step.path for step in flow.steps if len(step.outputs) == 1))
