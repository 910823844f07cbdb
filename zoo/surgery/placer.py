"""`Placer`: puts layers that act in training into a model, or in the place of others."""

from collections.abc import Sequence
from typing import Any

import keras

from .. import layers
from .edits import Edits, Seeds
from .graph import Call, Graph
from .ledger import Ledger
from .roles import is_plain_dropout
from .rules import Skip

__all__ = ["Placer", "real"]

_SAME = {
    layers.SpatialDropout: (
        layers.SpatialDropout,
        keras.layers.SpatialDropout1D,
        keras.layers.SpatialDropout2D,
        keras.layers.SpatialDropout3D,
    ),
    layers.GaussianNoise: (layers.GaussianNoise, keras.layers.GaussianNoise),
}


class Placer:
    """Plans single layers, and writes down what it planned.

    Args:
        graph: of the model.
        skip: what is left alone.
        edits: where the layers are put.
        seeds: of the layers.
        ledger: where it is written down.
    """

    def __init__(self, graph: Graph, skip: Skip, edits: Edits, seeds: Seeds, ledger: Ledger):
        self.graph, self.skip = graph, skip
        self.edits, self.seeds, self.ledger = edits, seeds, ledger
        self.paths, self.finals = graph.paths(), graph.finals()

    def skipped(self, call: Call) -> bool:
        """Whether what is called is to be left alone."""
        return self.skip.layer(call.operation, self.paths[id(call.operation)])

    def layer(self, kind: Any, name: str, tensor: Any, *arguments: Any) -> Any:
        """A layer that draws, with a seed of its own, in the precision of what it gets."""
        return kind(*arguments, seed=self.seeds(), name=name, dtype=tensor.dtype)

    def after(
        self,
        asked: Sequence[str],
        graph: Graph,
        tensor: Any,
        kind: Any,
        name: str,
        *arguments: Any,
    ) -> Any:
        """Puts a layer after a tensor, or in the place of one of its kind that is there already.

        Args:
            asked: by what.
            graph: where the tensor is.
            tensor: what the layer gets.
            kind: the layer's class.
            name: what it is called.
            *arguments: of the class.

        Returns:
            The layer.
        """
        present = graph.users(tensor)
        if len(present) == 1 and _is_kind(present[0].operation, kind):
            return self.instead(asked, present[0], kind, *arguments)
        layer = self.layer(kind, self.edits.name(graph, name), tensor, *arguments)
        self.edits.after.setdefault(id(tensor), []).append(layer)
        self.ledger.done(asked, graph.join(layer.name), f"after {_source(graph, tensor)}", layer)
        return layer

    def instead(self, asked: Sequence[str], call: Call, kind: Any, *arguments: Any) -> Any:
        """Puts a layer in the place of another, with its name."""
        layer = self.layer(kind, call.operation.name, call.outputs[0], *arguments)
        self.edits.swapped[id(call.operation)] = lambda copier: layer
        names = ("rate", "stddev", "drop_path_rate")
        was = next((x for name in names if (x := getattr(call.operation, name, None))), None)
        where = "instead of one" + ("" if was is None else f" of {was:g}")
        self.ledger.done(asked, call.path, where, layer)
        return layer


def _is_kind(operation: Any, kind: Any) -> bool:
    if kind is layers.Dropout:
        return is_plain_dropout(operation)
    return isinstance(operation, _SAME.get(kind, kind))


def _source(graph: Graph, tensor: Any) -> str:
    maker = graph.maker(tensor)
    return maker.operation.name if maker else tensor._keras_history.operation.name


def real(tensor: Any) -> bool:
    """Whether a tensor holds floating-point numbers."""
    return "float" in keras.backend.standardize_dtype(tensor.dtype)
