"""`View`: a model as the rules see it, layer by layer, read only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras

from .graph import Call, Graph

__all__ = ["Place", "View"]


@dataclass(frozen=True)
class Place:
    """A layer and where it stands.

    Args:
        path: the names of the layers from the outermost to this one, without the model's.
        layer: the layer.
        parent: the place of the layer that holds this one; `None` directly in the model.
    """

    path: str
    layer: Any
    parent: "Place | None" = None

    @property
    def variables(self) -> list[Any]:
        """The layer's own weights, without those of the layers that it holds."""
        inner = {id(v) for layer in _held(self.layer) for v in layer.weights}
        return [v for v in self.layer.weights if id(v) not in inner]


class View:
    """What rules ask of a model: its layers, the calls in its graphs, what it was compiled with.

    Args:
        model: a built Keras model.
        compiled: whether to look at what the model was compiled with.
    """

    def __init__(self, model: keras.Model, compiled: bool = True):
        self.model = model
        self.compiled = bool(compiled and model.compiled)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every layer once, those within other layers and models too, each before what it holds."""
        return tuple(_walk(self.model))

    @cached_property
    def owners(self) -> tuple[Place, ...]:
        """The model itself under its name, then all places: whatever can own a variable."""
        return (Place(self.model.name, self.model), *self.places)

    def variables(self, key: Callable[[Any], Any]) -> Iterator[tuple[Place, str, Any]]:
        """The variables for which `key` says something, those of one layer that agree together.

        Yields their place, their names as they are printed, and what `key` said, if it is true.
        """
        for place in self.owners:
            names: dict[Any, list[str]] = {}
            for variable in place.variables:
                names.setdefault(key(variable), []).append(f"`{variable.name}`")
            yield from ((place, " and ".join(n), said) for said, n in names.items() if said)

    def within(self, layer: Any) -> list[Any]:
        """`layer` and all that it holds, at any depth."""
        return [layer, *(place.layer for place in _walk(layer))]

    @cached_property
    def _trainable(self) -> set[int]:
        return {id(v) for v in self.model.trainable_weights}

    def trains(self, variable: Any) -> bool:
        """Whether `fit` changes a variable by its gradient."""
        return id(variable) in self._trainable

    @cached_property
    def graph(self) -> Graph:
        """The calls of all functional models in it."""
        named = [("", self.model), *((f"{p.path}/", p.layer) for p in self.places)]
        return Graph(named)

    def before(self, call: Call, through: Any) -> Iterator[Call]:
        """The calls that `call` takes its inputs from, and theirs where `through(layer)` is true.

        A layer that is looked through is yielded as well.
        """
        waiting, seen = [*self.graph.sources(call)], set()
        while waiting:
            source = waiting.pop()
            if id(source.node) in seen:
                continue
            seen.add(id(source.node))
            yield source
            if through(source.layer):
                waiting += self.graph.sources(source)

    @property
    def optimizer(self) -> Any:
        """The optimizer, or `None` if the model is not compiled or is not to be seen as such."""
        return self.model.optimizer if self.compiled else None

    @property
    def losses(self) -> list[Any]:
        """The losses that the model was compiled with, as they were given, in one list."""
        given = keras.tree.flatten(self.model.loss) if self.compiled else []
        return [loss for loss in given if loss is not None]

    def outputs(self) -> Iterator[tuple[Call, Any]]:
        """The calls that make the model's outputs, each with its loss, `None` if it has none."""
        calls = self.graph.outputs()
        given = self.model.loss if self.compiled else None
        if isinstance(given, dict):  # a sequential model has no names: one loss for its one output
            names = getattr(self.model, "output_names", None) or given
            given = [given.get(name) for name in names]
        several = isinstance(given, list | tuple) and len(given) == len(calls)
        yield from zip(calls, given if several else [given] * len(calls), strict=True)


def _held(layer: Any) -> list[Any]:
    return layer._flatten_layers(include_self=False, recursive=False)


def _walk(layer: Any, parent: Place | None = None, seen: set[int] | None = None) -> Iterator[Place]:
    seen = {id(layer)} if seen is None else seen
    prefix = f"{parent.path}/" if parent else ""
    for inner in _held(layer):
        if id(inner) not in seen:
            seen.add(id(inner))
            place = Place(prefix + inner.name, inner, parent)
            yield place
            yield from _walk(inner, place, seen)
