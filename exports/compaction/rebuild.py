"""`rebuild`: the calls of a graph as a new functional model."""

import tempfile
from collections import Counter
from collections.abc import Mapping
from typing import Any

import keras
from keras import tree

from .graph import Graph, Step, Value
from .kernels import Change, numbers

__all__ = ["rebuild"]


def rebuild(
    graph: Graph, changes: Mapping[int, Change], channels: Mapping[Value, int]
) -> tuple[keras.Model, dict[int, Any]]:
    """A new functional model of a graph, with the weights of the original's layers.

    Args:
        graph: the calls; each layer is made anew from its config.
        changes: what is different in a layer, by its identity.
        channels: how many channels some values must have.

    Returns:
        The model, and the new layers and operations by the identity of the original ones.

    Raises:
        ValueError: a layer cannot be made from its config, or has other weights then; the message
            names it.
    """
    functional = graph.functional
    names = _names(graph)
    copies: dict[int, Any] = {}
    inputs = [tensor._keras_history.operation for tensor in functional.inputs]
    inputs = [type(layer).from_config(layer.get_config()).output for layer in inputs]
    tensors: dict[Value, Any] = dict(zip(graph.inputs, inputs, strict=True))
    for step in graph.steps:
        key = id(step.operation)
        change = changes.get(key, Change())
        known = key in copies
        copy = copies.setdefault(key, copies.get(key) or _copy(step, names[key], change))
        args, kwargs = step.arguments(tensors)
        outputs = tree.flatten(copy(*args, **kwargs))
        tensors.update(zip(step.outputs, outputs, strict=True))
        if not known:
            _fill(step, copy, change)
        _check(step, tensors, channels)
    model = keras.Model(
        tree.pack_sequence_as(functional.input, inputs),
        tree.pack_sequence_as(functional.output, [tensors[value] for value in graph.outputs]),
        name=graph.model.name,
    )
    return model, copies


def _names(graph: Graph) -> dict[int, str]:
    """A name for each thing that is called: its own, or its path where two have one name."""
    paths: dict[int, str] = {}
    for step in graph.steps:
        paths.setdefault(id(step.operation), step.path)
    taken = Counter(path.rsplit("/", 1)[-1] for path in paths.values())
    taken.update(tensor._keras_history.operation.name for tensor in graph.functional.inputs)
    names: dict[int, str] = {}
    for key, path in paths.items():
        own = path.rsplit("/", 1)[-1]
        name = own if taken[own] == 1 or path == own else path.replace("/", "_")
        while name in names.values() or (name != own and taken[name]):
            name += "_"
        names[key] = name
    return names


def _copy(step: Step, name: str, change: Change) -> Any:
    operation = step.operation
    try:
        config = {**operation.get_config(), **change.config, "name": name}
        if type(operation) is keras.layers.Lambda:
            return _lambda(operation, config)
        return type(operation).from_config(config)
    except Exception as error:  # of a layer of anyone's
        raise ValueError(
            f"Layer {step.path!r} ({step.kind}) cannot be made anew from its config: {error} "
            "Give its class a get_config with all arguments of its constructor."
        ) from error


def _lambda(layer: Any, config: dict[str, Any]) -> keras.layers.Lambda:
    """The same function: what a config makes of it has lost what the function refers to."""
    return keras.layers.Lambda(
        layer.function,
        output_shape=layer._output_shape,
        mask=layer.mask,
        arguments=layer.arguments,
        name=config["name"],
        dtype=config["dtype"],
    )


def _fill(step: Step, copy: Any, change: Change) -> None:
    old, new = (getattr(layer, "weights", []) for layer in (step.operation, copy))
    arrays = [numbers(w) for w in old]
    if change.weights:
        arrays = [change.weights.get(weight.name) for weight in new]
    shapes = [tuple(getattr(array, "shape", ())) for array in arrays]
    if shapes != [tuple(weight.shape) for weight in new]:
        raise ValueError(
            f"Layer {step.path!r} ({step.kind}) cannot be made anew from its config: it has the "
            f"weights {[tuple(w.shape) for w in new]} then. Received: {shapes}. Let its get_config "
            "say all that its weights depend on."
        )
    for weight, array in zip(new, arrays, strict=True):
        weight.assign(array)
    if isinstance(copy, keras.layers.Layer):
        _finish(step.operation, copy)


def _finish(original: Any, copy: Any) -> None:
    """What a layer makes of its weights, or keeps beside them: statistics and vocabularies."""
    pairs = zip(original._flatten_layers(), copy._flatten_layers(), strict=True)
    for old, new in pairs:
        if isinstance(new, keras.layers.Normalization):
            new.finalize_state()
        if hasattr(old, "save_assets") and hasattr(new, "load_assets"):
            with tempfile.TemporaryDirectory() as directory:
                old.save_assets(directory)
                new.load_assets(directory)


def _check(step: Step, tensors: Mapping[Value, Any], channels: Mapping[Value, int]) -> None:
    for value in step.outputs:
        count = tensors[value].shape[-1] if value in channels else None
        if value in channels and count != channels[value]:
            raise ValueError(
                f"Layer {step.path!r} ({step.kind}) makes other channels of fewer: expected "
                f"{channels[value]}. Received: {count}"
            )
