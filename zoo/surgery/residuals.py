"""`residual_sums`: the sums of residual blocks in a graph, in their order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from ..layers import ResidualBranch, StochasticDepth
from .graph import Call, Graph
from .roles import is_norm, is_weightless

__all__ = ["ResidualSum", "residual_sums"]


@dataclass(frozen=True, eq=False)
class ResidualSum:
    """A sum of a shortcut and of a branch.

    Args:
        graph: where it is.
        call: of the sum.
        shortcut: the input that is what went into the block, or a projection of it.
        branch: the other one.
    """

    graph: Graph
    call: Call
    shortcut: Any
    branch: Any


def residual_sums(graph: Graph) -> Iterator[ResidualSum]:
    """The residual sums of one model, those inside of its inner models not included.

    A sum `a + b` of two tensors of one shape is residual if `a` goes into the computation of `b`:
    `a` is the shortcut, then, and `b` the branch. So it is if not `a` itself does, but something
    that `a` is made of by layers without weights (pooling, padding) or by one layer with weights
    and its normalization: a projection shortcut. Layers that are residual sums by their class,
    `StochasticDepth` and `ResidualBranch`, count as well.
    """
    ancestors = _Ancestors(graph)
    for call in graph.calls:
        if isinstance(call.operation, StochasticDepth | ResidualBranch):
            shortcut, branch = call.inputs[0], call.inputs[-1]
            yield ResidualSum(graph, call, shortcut, branch)
        elif _is_sum(call):
            one, other = call.inputs
            ways = {0: ancestors.way(one, other), 1: ancestors.way(other, one)}
            found = {index: way for index, way in ways.items() if way is not None}
            if found and ways[0] != ways[1]:
                shortcut = min(found, key=lambda index: found[index])
                yield ResidualSum(graph, call, call.inputs[shortcut], call.inputs[1 - shortcut])


def _is_sum(call: Call) -> bool:
    of_layer = isinstance(call.operation, keras.layers.Add)
    is_layer = isinstance(call.operation, keras.layers.Layer)
    of_operator = not is_layer and type(call.operation).__name__ == "Add"
    if not (of_layer or of_operator) or len(call.inputs) != 2:
        return False
    one, other = call.inputs
    return one is not other and tuple(one.shape) == tuple(other.shape)


class _Ancestors:
    """Which tensors of a graph go into the computation of which."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._bit: dict[int, int] = {id(t): 1 << i for i, t in enumerate(graph.inputs)}
        self._made_of: dict[int, int] = dict(self._bit)
        for call in graph.calls:
            made_of = 0
            for tensor in call.inputs:
                made_of |= self._made_of.get(id(tensor), 0)
            for tensor in call.outputs:
                self._bit[id(tensor)] = 1 << len(self._bit)
                self._made_of[id(tensor)] = made_of | self._bit[id(tensor)]

    def way(self, tensor: Any, other: Any) -> tuple[int, int] | None:
        """How far up from `tensor` there is something that goes into `other`.

        Numbers of layers with weights and of all layers on the way; `None` if there is no way up
        of one input a layer, with at most one layer with weights and no end.
        """
        kernels = steps = 0
        while not self._bit[id(tensor)] & self._made_of[id(other)]:
            call = self._graph.maker(tensor)
            if call is None or len({id(t) for t in call.inputs}) != 1:
                return None
            kernels += not (is_weightless(call.operation) or is_norm(call.operation))
            steps += 1
            if kernels > 1:
                return None
            tensor = call.inputs[0]
        return kernels, steps
