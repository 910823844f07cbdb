"""`Edits`: what is to be different in the copy of a model."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from ..layers import Penalized
from .graph import Graph

__all__ = ["Edits", "Seeds"]


@dataclass
class Edits:
    """What is to be different in the copy of a model; without any, it is a plain copy.

    Args:
        configs: of layers, by their identity, in place of their own.
        before: layers to put before the first argument of a call, by the identity of its node.
        after: layers to put after a tensor, by its identity.
        swapped: what makes the layer that takes the place of another, by the identity of the one.
        rewired: what is called in place of a call, by the identity of its node.
        rates: of copies of layers that draw, by the identity of the original.
        penalties: regularizers and constraints of weights inside of layers, by the identity of the
            layer and the key of the weight, in place of those that it has; see `Penalized`.
        rates_inside: the new rates of the dropout inside of layers, by the identity of the layer.
        removed: identities of layers that are left out; what they got is passed on.
        input_shape: of the only input, without the batch; `None` leaves it.
    """

    configs: dict[int, dict[str, Any]] = field(default_factory=dict)
    before: dict[int, list[keras.layers.Layer]] = field(default_factory=dict)
    after: dict[int, list[keras.layers.Layer]] = field(default_factory=dict)
    swapped: dict[int, Callable[[Any], Any]] = field(default_factory=dict)
    rewired: dict[int, Callable[..., Any]] = field(default_factory=dict)
    rates: dict[int, float] = field(default_factory=dict)
    penalties: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)
    rates_inside: dict[int, float] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    input_shape: tuple[int, ...] | None = None
    _names: dict[int, set[str]] = field(default_factory=dict)

    def penalties_of(self, layer: Any) -> dict[str, dict[str, Any]]:
        """What the copy of a layer is given inside, to be edited; at first what the layer has."""
        if id(layer) not in self.penalties:
            has = layer.penalties if isinstance(layer, Penalized) else {}
            self.penalties[id(layer)] = {key: dict(values) for key, values in has.items()}
        return self.penalties[id(layer)]

    def name(self, graph: Graph, wanted: str) -> str:
        """`wanted`, or with the first number that makes it a new name in a model."""
        taken = self._names.setdefault(id(graph), set(graph.names))
        numbered = (f"{wanted}_{number}" for number in range(1, len(taken) + 2))
        name = wanted if wanted not in taken else next(n for n in numbered if n not in taken)
        taken.add(name)
        return name


class Seeds:
    """Seeds for the layers that draw, another at each call.

    Args:
        seed: makes them repeatable; `None` draws one, from Python's `random`.
    """

    def __init__(self, seed: int | None):
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or seed < 0):
            raise ValueError(f"seed must be an integer >= 0 or None. Received: {seed!r}")
        self._random = random.Random(random.getrandbits(31) if seed is None else seed)

    def __call__(self) -> int:
        return self._random.getrandbits(31)
