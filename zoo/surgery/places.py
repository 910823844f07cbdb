"""Where dropout and noise go in a model: before its heads, after convolutions, at its inputs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from ..augmentation.augmentation import Augmentation
from .graph import Call, Graph
from .roles import (
    convolves,
    core,
    is_activation,
    is_convolution,
    is_norm,
    is_plain_dropout,
    rectifies,
)

__all__ = ["Head", "activated_convolutions", "heads", "preprocessing"]

_HEADS = (keras.layers.Dense, keras.layers.EinsumDense)
_POOLINGS = (
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.GlobalMaxPooling3D,
)
_AFTER_HEADS = (
    keras.layers.Activation,
    keras.layers.Softmax,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Rescaling,
)
_PREPROCESSING = (
    keras.layers.Rescaling,
    keras.layers.Normalization,
    keras.layers.Masking,  # which knows masked steps by their values: noise comes after it
    Augmentation,
)


@dataclass(frozen=True, eq=False)
class Head:
    """What makes an output of a model.

    Args:
        graph: where it is.
        call: of the last layer with units, of a global pooling at the very end, or of what else
            the output comes from; `None` for an input.
        kind: which of these.
        tail: what is called after it.
    """

    graph: Graph
    call: Call | None
    kind: str  # "layer", "pooling" or "other"
    tail: tuple[Call, ...] = ()

    @property
    def dropout(self) -> Call | None:
        """The call of a dropout layer that is there already: before it, or after a pooling."""
        if self.kind == "pooling":
            near = next(iter(self.tail), None)
        else:
            near = self.graph.maker(self.call.inputs[0]) if self.call else None
        return near if near and is_plain_dropout(near.operation) else None


def heads(graph: Graph) -> list[Head]:
    """The heads of all outputs, each once; one in an inner model is looked for there."""
    found: dict[int, Head] = {}
    for output in graph.outputs:
        head = _head(graph, output, ())
        found.setdefault(id(head.call.node) if head.call else id(output), head)
    return list(found.values())


def _head(graph: Graph, tensor: Any, tail: tuple[Call, ...]) -> Head:
    call = graph.maker(tensor)
    if call is None:
        return Head(graph, None, "other", tail)
    operation = call.operation
    if inner := graph.inner.get(id(operation)):
        index = [id(output) for output in call.outputs].index(id(tensor))
        return _head(inner, inner.outputs[index], tail)
    if isinstance(core(operation), _HEADS) or is_convolution(operation):
        return Head(graph, call, "layer", tail)
    if isinstance(operation, _POOLINGS):
        return Head(graph, call, "pooling", tail)
    passes = isinstance(operation, _AFTER_HEADS) or is_plain_dropout(operation)
    if (passes or not isinstance(operation, keras.layers.Layer)) and len(call.inputs) == 1:
        return _head(graph, call.inputs[0], (call, *tail))
    return Head(graph, call, "other", tail)


def activated_convolutions(graph: Graph, finals: set[int]) -> Iterator[tuple[Call, Any]]:
    """The convolutions of one model, and the tensor that the activation after each returns.

    A dense layer over images is a convolution by one pixel.

    It is followed from the convolution over normalizations to the activation, as long as nothing
    else takes what is in between; a convolution without one, such as the last of a residual
    branch, is left out, and so is one whose output has one pixel, a gate of the channels, or is
    among the `finals`, the identities of the outputs of the whole model.
    """
    for call in graph.calls:
        if not convolves(call):
            continue
        tensor = _activated(graph, call)
        if tensor is None or id(tensor) in finals:
            continue
        if any(size != 1 for size in tensor.shape[1:-1]):
            yield call, tensor


def _activated(graph: Graph, call: Call) -> Any:
    tensor, done = call.outputs[0], rectifies(core(call.operation))
    while not done:
        users = graph.users(tensor)
        if len(users) != 1 or graph.is_output(tensor):
            return None
        done = is_activation(users[0].operation)
        if not done and not is_norm(users[0].operation):
            return None
        tensor = users[0].outputs[0]
    return tensor


def preprocessing(graph: Graph, tensor: Any) -> list[Call]:
    """The calls that augment, scale, standardize and mask an input at the start of a model."""
    found: list[Call] = []
    users = _layers_taking(graph, tensor)
    while len(users) == 1 and isinstance(users[0].operation, _PREPROCESSING):
        found += users
        users = _layers_taking(graph, users[0].outputs[0])
    return found


def _layers_taking(graph: Graph, tensor: Any) -> list[Call]:
    """What takes a tensor, apart from the operation that computes a mask of it for `Masking`."""
    users = graph.users(tensor)
    if not any(isinstance(call.operation, keras.layers.Masking) for call in users):
        return users
    return [call for call in users if isinstance(call.operation, keras.layers.Layer)]
