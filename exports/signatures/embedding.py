"""`embedding`: the output of a layer inside the model."""

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ..errors import ExportError
from .signature import Signature, Tensors

if TYPE_CHECKING:
    from ...core.model_graph import FlatGraph
    from ..served_model import ServedModel


class Embedding(Signature):
    """The output of a layer inside the model, for search, clusters and drift.

    Answers: `embedding`, float32 `(n, ...)`.

    Args:
        layer: The name of the layer, or its path `model/layer` within nested models. None is the
            input of the last layer with weights.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> layers = [keras.layers.Dense(4, "relu"), keras.layers.Dense(3)]
    >>> model = keras.Sequential([keras.Input((2,), name="x"), *layers])
    >>> directory = tempfile.mkdtemp()
    >>> options = {"task": "classification", "signatures": [exports.Embedding()]}
    >>> published = exports.export(model, directory, **options)
    >>> exports.load(directory).call("embedding", x=[[0.0, 0.0]])
    {'embedding': array([[0., 0., 0., 0.]], dtype=float32)}
    """

    name = "embedding"

    def __init__(self, layer: str | None = None):
        self.layer = layer

    def answer(self, served: "ServedModel", features: Tensors) -> dict[str, tf.Tensor]:
        from ..inference import begin, flat_graph, run  # here, since only writing needs Keras

        graph = flat_graph(served.written, "embedding")
        output = _penultimate(graph) if self.layer is None else _output_of(graph, self.layer)
        values = begin(graph, served.prepared(features))
        run(graph.calls_before(output), values)
        return {"embedding": tf.cast(values[output], tf.float32)}


def _penultimate(graph: "FlatGraph") -> Any:
    """Return the input of the last layer that has weights."""
    makers = graph.makers()
    tensor = graph.outputs[0]
    while tensor in makers and len(graph.outputs) == 1:
        call = makers[tensor]
        if len(call.inputs) != 1:
            break
        tensor = call.inputs[0]
        if getattr(call.operation, "weights", None):
            if tensor not in makers:
                break
            return tensor
    raise ExportError(
        "The signature 'embedding' needs a single path of layers before the last one with "
        f"weights. Received: {graph.model.name!r}. Pass Embedding(layer), one of {_names(graph)}"
    )


def _output_of(graph: "FlatGraph", layer: str) -> Any:
    for call in graph.calls:
        if layer in (call.path, call.operation.name) and len(call.outputs) == 1:
            return call.outputs[0]
    raise ExportError(
        f"The signature 'embedding' needs a layer with one output, one of {_names(graph)}. "
        f"Received: layer={layer!r}"
    )


def _names(graph: "FlatGraph") -> list[str]:
    return list(dict.fromkeys(call.path for call in graph.calls if len(call.outputs) == 1))
