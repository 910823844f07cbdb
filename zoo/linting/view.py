"""`View`: the layers, calls, optimizer and losses of a model, for the rules."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras

from ...core.layer_kinds import Kind, kind_of
from ...core.model_graph import Call, ModelGraph, functional_of


@dataclass(frozen=True)
class Place:
    """A layer and its place in a model."""

    path: str  # the names of the layers from the outermost to this one, without the model
    layer: Any
    parent: "Place | None" = None  # the place of the layer around it

    @property
    def variables(self) -> list[Any]:
        """The layer's own weights, without inner layers."""
        inner = {id(v) for layer in _held(self.layer) for v in layer.weights}
        return [v for v in self.layer.weights if id(v) not in inner]


class View:
    """A model as the rules see it; unless `compiled`, without an optimizer and losses."""

    def __init__(self, model: keras.Model, compiled: bool = True):
        self.model = model
        compiled = compiled and model.compiled
        self.optimizer: Any = model.optimizer if compiled else None
        self._loss: Any = model.loss if compiled else None

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Each layer once, at any depth, outer layers before inner ones."""
        return tuple(_walk(self.model))

    @cached_property
    def owners(self) -> tuple[Place, ...]:
        """The owners of variables: the model under its name, then all places."""
        return (Place(self.model.name, self.model), *self.places)

    def variables(self, key: Callable[[Any], Any]) -> Iterator[tuple[Place, str, Any]]:
        """Yield place, names and key of the variables with a true `key`, by layer and key."""
        for place in self.owners:
            names: dict[Any, list[str]] = {}
            for variable in place.variables:
                names.setdefault(key(variable), []).append(f"`{variable.name}`")
            yield from ((place, " and ".join(n), value) for value, n in names.items() if value)

    def within(self, layer: Any) -> list[Any]:
        """Return `layer` and all inner layers, at any depth."""
        return [layer, *(place.layer for place in _walk(layer))]

    @cached_property
    def _trainable(self) -> set[int]:
        return {id(v) for v in self.model.trainable_weights}

    def trains(self, variable: Any) -> bool:
        """Return whether `fit` trains a variable."""
        return id(variable) in self._trainable

    @cached_property
    def _graph_of(self) -> dict[Call, ModelGraph]:
        """The graph of each call in the functional models at any depth."""
        graphs: dict[int, ModelGraph] = {}
        for path, layer in [("", self.model), *((p.path, p.layer) for p in self.places)]:
            if functional_of(layer) is not None and id(layer) not in graphs:
                graphs |= {id(each.model): each for each in ModelGraph(layer, path).walk()}
        return {call: graph for graph in graphs.values() for call in graph.calls}

    def calls(self) -> Iterator[Call]:
        """Yield every layer call; calls inside subclassed models cannot be seen."""
        yield from self._graph_of

    def before(self, call: Call, through: Callable[[Any], bool]) -> Iterator[Call]:
        """Yield the calls before `call`, also in nested models, as far as `through(layer)`."""
        waiting, seen = [*self._sources(call)], set()
        while waiting:
            source = waiting.pop()
            if source not in seen:
                seen.add(source)
                yield source
                if through(source.operation):
                    waiting += self._sources(source)

    def _sources(self, call: Call) -> Iterator[Call]:
        graph = self._graph_of[call]
        for tensor in call.inputs:
            yield from (source for _, source in graph.makers_through_models(tensor))

    @property
    def losses(self) -> list[Any]:
        """The losses of `compile`, flat."""
        return [loss for loss in keras.tree.flatten(self._loss) if loss is not None]

    def outputs(self) -> Iterator[tuple[Call, Any]]:
        """Yield the calls that return the model's outputs, each with its loss or `None`."""
        graph = next((g for g in self._graph_of.values() if g.model is self.model), None)
        tensors = graph.outputs if graph else []
        calls = [call for t in tensors if graph for _, call in graph.makers_through_models(t)]
        losses = self._loss
        if isinstance(losses, dict):  # a Sequential model has no names, but only one output
            names = getattr(self.model, "output_names", None) or losses
            losses = [losses.get(name) for name in names]
        several = isinstance(losses, list | tuple) and len(losses) == len(calls)
        yield from zip(calls, losses if several else [losses] * len(calls), strict=True)


def _held(layer: Any) -> list[Any]:
    return layer._flatten_layers(include_self=False, recursive=False)  # private in Keras 3.15


def _walk(layer: Any, parent: Place | None = None, seen: set[int] | None = None) -> Iterator[Place]:
    seen = {id(layer)} if seen is None else seen
    prefix = f"{parent.path}/" if parent else ""
    for inner in _held(layer):
        if id(inner) not in seen:
            seen.add(id(inner))
            place = Place(prefix + inner.name, inner, parent)
            yield place
            yield from _walk(inner, place, seen)


_SINGLE_VALUES = (Kind.ACTIVATION, Kind.SOFTMAX, Kind.IDENTITY, Kind.RESHAPING, Kind.CAST)


def keeps_values(layer: Any) -> bool:
    """Return whether a layer or operation is an activation or only changes the shape."""
    return kind_of(layer) in _SINGLE_VALUES


def drops_units(layer: Any) -> bool:
    """Return whether a layer is dropout of units, channels or blocks."""
    # AlphaDropout keeps mean and variance.
    return kind_of(layer) is Kind.DROPOUT and not isinstance(layer, keras.layers.AlphaDropout)


def passes_on(layer: Any) -> bool:
    """Return whether a layer is an activation, a reshaping or dropout."""
    return keeps_values(layer) or drops_units(layer)


def is_user_defined(layer: Any, method: str) -> bool:
    """Return whether user code defines this method of the layer, not Keras or Occam."""
    owner = next(cls for cls in type(layer).__mro__ if method in vars(cls))
    return not owner.__module__.startswith(("keras.", "occam."))
