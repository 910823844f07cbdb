"""Places for dropout and noise: heads, activated convolutions, inputs and residual sums."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from ...core.layer_kinds import (
    CONVOLUTIONS,
    Kind,
    drops_single_values,
    has_activation,
    is_activation,
    is_normalization,
    kind_of,
    unwrap,
)
from ...core.model_graph import Call, ModelGraph
from ..augmentation.augmentation import Augmentation
from ..layers import EnsembleMean


@dataclass(frozen=True, eq=False)
class Head:
    """The call of the last layer before an output of a model."""

    graph: ModelGraph
    call: Call | None  # None if the output is an input
    kind: str  # "layer" with units, "pooling" (global, at the very end) or "other"
    tail: tuple[Call, ...] = ()  # the calls after it

    @property
    def dropout(self) -> Call | None:
        """The call of the dropout before the head or after the pooling, or `None`."""
        if self.kind == "pooling":
            near = next(iter(self.tail), None)
        else:
            near = self.graph.maker(self.call.inputs[0]) if self.call else None
        return near if near and drops_single_values(near.operation) else None


def heads(graph: ModelGraph) -> list[Head]:
    """Return the heads of all outputs, each once, also in inner models."""
    found: dict[Any, Head] = {}
    for output in graph.outputs:
        head = _head(graph, output, ())
        found.setdefault(head.call or output, head)
    return list(found.values())


KEEP_VALUES = (keras.layers.Flatten, keras.layers.Identity, keras.layers.Reshape)
_AFTER_HEADS = (
    *(*KEEP_VALUES, keras.layers.Activation, keras.layers.Softmax),
    *(keras.layers.Normalization, keras.layers.Rescaling, EnsembleMean),
)


def _head(graph: ModelGraph, tensor: Any, tail: tuple[Call, ...]) -> Head:
    if inside := graph.within(tensor):
        return _head(*inside, tail)
    call = graph.maker(tensor)
    if call is None:
        return Head(graph, None, "other", tail)
    operation = call.operation
    if kind_of(unwrap(operation)) in (Kind.DENSE, *CONVOLUTIONS):
        return Head(graph, call, "layer", tail)
    if kind_of(operation) is Kind.GLOBAL_POOLING:
        return Head(graph, call, "pooling", tail)
    passes = isinstance(operation, _AFTER_HEADS) or drops_single_values(operation)
    if (passes or not isinstance(operation, keras.layers.Layer)) and len(call.inputs) == 1:
        return _head(graph, call.inputs[0], (call, *tail))
    return Head(graph, call, "other", tail)


def activated_convolutions(graph: ModelGraph, finals: set[Any]) -> Iterator[tuple[Call, Any]]:
    """Yield the convolutions of one model, each with the tensor after its activation.

    A dense layer over images is a 1x1 convolution. Normalizations may precede the activation if
    nothing else uses the tensors in between. Convolutions without an activation (the last of a
    residual branch), with an output of one pixel (squeeze-and-excitation) or with an output of the
    whole model, in `finals`, are left out.
    """
    for call in graph.calls:
        kind = kind_of(unwrap(call.operation))
        if kind not in CONVOLUTIONS and not (
            isinstance(unwrap(call.operation), keras.layers.Dense)
            and len(call.outputs[0].shape) > 3
        ):
            continue
        tensor = _activated(graph, call)
        if tensor is None or tensor in finals:
            continue
        if any(size != 1 for size in tensor.shape[1:-1]):
            yield call, tensor


def _activated(graph: ModelGraph, call: Call) -> Any:
    tensor, done = call.outputs[0], has_activation(unwrap(call.operation))
    while not done:
        users = graph.users(tensor)
        if len(users) != 1 or any(tensor is output for output in graph.outputs):
            return None
        done = is_activation(users[0].operation)
        if not done and not is_normalization(users[0].operation):
            return None
        tensor = users[0].outputs[0]
    return tensor


def preprocessing(graph: ModelGraph, tensor: Any) -> list[Call]:
    """Return the calls that augment, scale and mask an input at the start of a model.

    `Masking` compares values, so noise must come after it.
    """
    found: list[Call] = []
    while True:
        users = graph.users(tensor)
        if any(isinstance(call.operation, keras.layers.Masking) for call in users):
            # An operation computes the mask from the same tensor: it does not count.
            users = [call for call in users if isinstance(call.operation, keras.layers.Layer)]
        if len(users) != 1:
            return found
        (call,) = users
        kinds = (Kind.SCALING, Kind.MASKING)
        if kind_of(call.operation) not in kinds and not isinstance(call.operation, Augmentation):
            return found
        found.append(call)
        tensor = call.outputs[0]


@dataclass(frozen=True, eq=False)
class ResidualSum:
    """The sum of a branch and its shortcut, which is the input of a block or a projection of it."""

    graph: ModelGraph
    call: Call
    shortcut: Any
    branch: Any


def residual_sums(graph: ModelGraph) -> Iterator[ResidualSum]:
    """Yield the residual sums of one model, without its inner models.

    A sum `a + b` of two tensors of one shape is residual if `b` depends on `a`: then `a` is the
    shortcut and `b` the branch. With a projection shortcut, `b` depends on a tensor that leads to
    `a` through layers without weights (pooling, padding) and at most one layer with weights and its
    normalization. `StochasticDepth` and `ResidualBranch` are residual sums by their class.
    """
    ancestors = _Ancestors(graph)
    for call in graph.calls:
        if kind_of(call.operation) is Kind.RESIDUAL_SUM:
            yield ResidualSum(graph, call, call.inputs[0], call.inputs[-1])
        elif _is_sum(call):
            one, other = call.inputs
            ways = {0: ancestors.way(one, other), 1: ancestors.way(other, one)}
            found = {index: way for index, way in ways.items() if way is not None}
            if found and ways[0] != ways[1]:
                shortcut = min(found, key=lambda index: found[index])
                yield ResidualSum(graph, call, call.inputs[shortcut], call.inputs[1 - shortcut])


def _is_sum(call: Call) -> bool:
    is_layer = isinstance(call.operation, keras.layers.Layer)
    adds = isinstance(call.operation, keras.layers.Add) if is_layer else call.kind == "Add"
    if not adds or len(call.inputs) != 2:
        return False
    one, other = call.inputs
    return one is not other and tuple(one.shape) == tuple(other.shape)


class _Ancestors:
    """The dependencies between the tensors of a graph, as the bits of integers."""

    def __init__(self, graph: ModelGraph):
        self._graph = graph
        self._bit: dict[Any, int] = {t: 1 << i for i, t in enumerate(graph.inputs)}
        self._made_of: dict[Any, int] = dict(self._bit)
        for call in graph.calls:
            made_of = 0
            for tensor in call.inputs:
                made_of |= self._made_of.get(tensor, 0)
            for tensor in call.outputs:
                self._bit[tensor] = 1 << len(self._bit)
                self._made_of[tensor] = made_of | self._bit[tensor]

    def way(self, tensor: Any, other: Any) -> tuple[int, int] | None:
        """Return the number of layers up from `tensor` to the first tensor that `other` depends on.

        It counts the layers with weights and all layers. `None` means that an input, a layer with
        several inputs or a second layer with weights comes first.
        """
        kernels = steps = 0
        while not self._bit[tensor] & self._made_of[other]:
            call = self._graph.maker(tensor)
            if call is None or len(set(call.inputs)) != 1:
                return None
            # The rate of a random layer is a scalar weight.
            weights = any(len(w.shape) for w in getattr(call.operation, "weights", ()))
            kernels += weights and not is_normalization(call.operation)
            steps += 1
            if kernels > 1:
                return None
            tensor = call.inputs[0]
        return kernels, steps
