"""A functional model, run call by call in inference mode."""

from collections.abc import Callable, Iterable
from typing import Any

import keras

from ...core.model_graph import Call, FlatGraph
from ..errors import ExportError
from ..inference import infer


def flat_graph(model: keras.Model, signature: str) -> FlatGraph:
    """Return the calls of a model's layers, those of nested models among them.

    Args:
        model: A functional model, or a Sequential one with an input.
        signature: The name of the signature, for errors.

    Raises:
        ExportError: If it is another kind of model.
    """
    try:
        return FlatGraph(model)
    except ValueError as error:
        raise ExportError(f"The signature {signature!r}: {error}") from error


def begin(graph: FlatGraph, inputs: Any) -> dict[Any, Any]:
    """Return the values of a graph's input tensors, from `inputs` as the model takes them."""
    tensors = graph.functional._standardize_inputs(inputs)  # private in Keras 3.15
    return dict(zip(graph.inputs, tensors, strict=True))


def run(
    calls: Iterable[Call],
    values: dict[Any, Any],
    function: Callable[[Call, tuple, dict], Any] | None = None,
) -> None:
    """Add the outputs of the calls to `values`, by `function` or by default in inference mode."""
    for call in calls:
        args, kwargs = call.fill_in(values)
        outputs = keras.tree.flatten((function or inference)(call, args, kwargs))
        values.update(zip(call.outputs, outputs, strict=True))


def inference(call: Call, args: tuple, kwargs: dict) -> Any:
    """Run a call as the model does outside of training."""
    if isinstance(call.operation, keras.Layer):
        return infer(call.operation, *args, **kwargs)
    return call.operation(*args, **kwargs)
