"""`prepared`: a model of which a copy can be made, with the shape that its input is to have."""

from typing import Any

import keras

from .copier import Copier, copy_of
from .edits import Edits
from .graph import Graph, is_graph

__all__ = ["prepared"]


def prepared(model: keras.Model, input_shape: tuple[int, ...] | None = None) -> keras.Model:
    """The model itself, or a copy of it that is built, with the input shape that was given.

    Args:
        model: the original.
        input_shape: of a sample, for a sequential model that was never built, or one that leaves
            sizes of its input open; `None` otherwise.

    Raises:
        ValueError: the model has no input shape and none is given, or it has another.
    """
    if isinstance(model, keras.Sequential) and model._functional is None:
        return _built(model, input_shape)
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} has no weights yet: call it once on data, then regularize it."
        )
    if input_shape is None:
        return model
    if not is_graph(model):
        raise ValueError(
            f"Model {model.name!r} is subclassed: its input shape is what it was called with. "
            f"Received: input_shape={input_shape}"
        )
    graph = Graph(model)
    inputs = graph.inputs
    given = tuple(input_shape)
    if len(inputs) != 1 or not _fits(given, tuple(inputs[0].shape[1:])):
        shapes = ", ".join(str(tuple(tensor.shape[1:])) for tensor in inputs)
        raise ValueError(
            "input_shape can set the open sizes of the one input of a model; that of "
            f"{model.name!r} is {shapes}. Received: input_shape={input_shape}"
        )
    return Copier(Edits(input_shape=given)).model(graph)


def _built(model: keras.Sequential, input_shape: Any) -> keras.Model:
    if input_shape is None:
        raise ValueError(
            f"Model {model.name!r} has no input shape and so no weights yet: give input_shape, "
            "the shape of one sample. Received: input_shape=None"
        )
    copy = copy_of(model, model.name)
    copy.build((None, *input_shape))
    return copy


def _fits(given: tuple[int, ...], open_shape: tuple[Any, ...]) -> bool:
    pairs = list(zip(given, open_shape, strict=False))
    return len(given) == len(open_shape) and all(size in (None, one) for one, size in pairs)
