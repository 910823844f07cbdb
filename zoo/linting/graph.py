"""`Graph`: who calls whom in the functional models of a model, through nested ones."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

__all__ = ["Call", "Graph"]


@dataclass(frozen=True)
class Call:
    """One call of a layer, or of an operation such as `keras.ops.add`, on symbolic tensors.

    Args:
        path: that of the layer.
        node: Keras' record of the call.
    """

    path: str
    node: Any

    @property
    def layer(self) -> Any:
        """The layer or operation that is called."""
        return self.node.operation

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the call, as Keras keeps them.

        Where nothing was given, `training` may hold the default of the layer's `call`.
        """
        return self.node.arguments.kwargs


class Graph:
    """The calls of all functional and sequential models that are given, as one graph.

    A nested model is looked into: what feeds a layer behind it is the layer at its end, and what
    feeds its first layer is what the nested model is called with, at each place where it is.
    Models that are subclassed show no calls.

    Args:
        models: pairs of a prefix for paths and a layer; what is no functional model is ignored.
            The first is the outermost model.
    """

    def __init__(self, models: Iterable[tuple[str, Any]]):
        named = [(prefix, functional(layer)) for prefix, layer in models]
        self._outermost = named[0][1]
        self._prefixes = {id(f): prefix for prefix, f in named if f is not None}
        self._functionals = [f for _, f in named if f is not None]
        self._sites: dict[int, list[Any]] = defaultdict(list)  # where a nested model is called
        self._graphs: dict[int, Any] = {}  # the model that a call is part of
        for graph, node in self._nodes():
            self._graphs.setdefault(id(node), graph)
            if (inner := functional(node.operation)) is not None:
                self._sites[id(inner)].append((graph, node))

    def _nodes(self) -> Iterator[tuple[Any, Any]]:
        """Every model with each of its calls, in the order in which they run."""
        for graph in self._functionals:
            for _, nodes in sorted(graph._nodes_by_depth.items(), reverse=True):
                yield from ((graph, node) for node in nodes)

    def calls(self) -> Iterator[Call]:
        """Every call, those of nested models too."""
        for graph, node in self._nodes():
            yield self._call(graph, node)

    def _call(self, graph: Any, node: Any) -> Call:
        return Call(self._prefixes[id(graph)] + node.operation.name, node)

    def sources(self, call: Call) -> Iterator[Call]:
        """The calls whose results `call` takes, those of nested models replaced by their ends."""
        graph = self._graphs[id(call.node)]
        for tensor in call.node.input_tensors:
            yield from self._makers(tensor, graph, set())

    def outputs(self) -> list[Call]:
        """The calls that make the outermost model's outputs; none if it is subclassed."""
        graph = self._outermost
        if graph is None:
            return []
        return [call for tensor in graph.outputs for call in self._makers(tensor, graph, set())]

    def _makers(self, tensor: Any, graph: Any, seen: set[tuple[int, int]]) -> Iterator[Call]:
        """What makes `tensor`: a call, or those behind the ends of a nested model."""
        if (id(tensor), id(graph)) in seen:
            return
        seen.add((id(tensor), id(graph)))
        operation, node_index, tensor_index = tensor._keras_history
        inner = functional(operation)
        if inner is not None:
            yield from self._makers(inner.outputs[tensor_index], inner, seen)
        elif isinstance(operation, keras.layers.InputLayer):
            inputs = [t._keras_history.operation for t in graph.inputs]
            for outer, site in self._sites[id(graph)]:
                given = site.input_tensors[inputs.index(operation)]
                yield from self._makers(given, outer, seen)
        else:
            yield self._call(graph, operation._inbound_nodes[node_index])


def functional(layer: Any) -> Any:
    """The functional model that a layer is, or that a sequential model holds; else `None`.

    A subclass that has a `call` of its own shows a graph that is not what runs: it is none.
    """
    if isinstance(layer, keras.Sequential):
        layer = layer._functional
    if not isinstance(layer, keras.Model) or not hasattr(layer, "operations"):
        return None
    owner = next(cls for cls in type(layer).__mro__ if "call" in vars(cls))
    return layer if owner.__module__.startswith("keras.") else None
