"""Rebuild a changed graph as a functional model, and unwrap kernels before."""

import tempfile
from collections import Counter
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, tree

from ...core.layer_kinds import takes_training
from ...core.model_graph import Call, FlatGraph, call_of
from .kernels import KernelArrays, LayerUpdate, kernel_of, numbers
from .links import evaluate, trial_shape


def rebuild(
    graph: FlatGraph, changes: Mapping[int, LayerUpdate], channels: Mapping[KerasTensor, int]
) -> tuple[keras.Model, dict[int, Any]]:
    """Return a new functional model of a graph, and its layers by the `id` of the original ones.

    Each layer is made from its config and gets the weights of the original. `changes` are by the
    `id` of a layer; `channels` are the expected numbers of channels.
    """
    functional = graph.functional
    names = _names(graph)
    copies: dict[int, Any] = {}
    inputs = [call_of(tensor).operation for tensor in functional.inputs]
    inputs = [type(layer).from_config(layer.get_config()).output for layer in inputs]
    tensors: dict[KerasTensor, Any] = dict(zip(graph.inputs, inputs, strict=True))
    for call in graph.calls:
        key = id(call.operation)
        change = changes.get(key, LayerUpdate())
        is_new = key not in copies
        if is_new:
            copies[key] = _copy(call, names[key], change)
        args, kwargs = call.fill_in(tensors)
        outputs = tree.flatten(copies[key](*args, **kwargs))
        tensors.update(zip(call.outputs, outputs, strict=True))
        if is_new:  # the weights exist after the first call
            _fill(call, copies[key], change)
        for value in call.outputs:
            count, expected = tensors[value].shape[-1], channels.get(value)
            if expected not in (None, count):
                raise ValueError(
                    f"Layer {call.path!r} ({call.kind}) must return {expected} channels after the "
                    f"removal. Received: {count}"
                )
    model = keras.Model(
        tree.pack_sequence_as(functional.input, inputs),
        tree.pack_sequence_as(functional.output, [tensors[value] for value in graph.outputs]),
        name=graph.model.name,
    )
    return model, copies


def _names(graph: FlatGraph) -> dict[int, str]:
    """Return a name for each layer and operation: its own, or its path if two have the same."""
    paths: dict[int, str] = {}
    for call in graph.calls:
        paths.setdefault(id(call.operation), call.path)
    taken = Counter(path.rsplit("/", 1)[-1] for path in paths.values())
    taken.update(call_of(tensor).operation.name for tensor in graph.functional.inputs)
    names: dict[int, str] = {}
    for key, path in paths.items():
        own = path.rsplit("/", 1)[-1]
        name = own if taken[own] == 1 or path == own else path.replace("/", "_")
        while name in names.values() or (name != own and taken[name]):
            name += "_"
        names[key] = name
    return names


def _copy(call: Call, name: str, change: LayerUpdate) -> Any:
    operation = call.operation
    try:
        config = {**operation.get_config(), **change.config, "name": name}
        if type(operation) is keras.layers.Lambda:  # a config would lose the closure
            return keras.layers.Lambda(
                operation.function,
                output_shape=operation._output_shape,
                mask=operation.mask,
                arguments=operation.arguments,
                name=config["name"],
                dtype=config["dtype"],
            )
        return type(operation).from_config(config)
    except Exception as error:  # user-defined layers may raise anything
        raise ValueError(
            f"Layer {call.path!r} ({call.kind}) cannot be rebuilt from its config: {error} "
            "Give its class a get_config with all arguments of its constructor."
        ) from error


def _fill(call: Call, copy: Any, change: LayerUpdate) -> None:
    old, new = (getattr(layer, "weights", []) for layer in (call.operation, copy))
    arrays = [numbers(w) for w in old]
    if change.weights:
        arrays = [change.weights.get(weight.name) for weight in new]
    shapes = [tuple(getattr(array, "shape", ())) for array in arrays]
    if shapes != [tuple(weight.shape) for weight in new]:
        raise ValueError(
            f"Layer {call.path!r} ({call.kind}) cannot be rebuilt from its config: the copy has "
            f"the weights {[tuple(w.shape) for w in new]}, the original {shapes}. Let its "
            "get_config return all arguments that its weights depend on."
        )
    for weight, array in zip(new, arrays, strict=True):
        weight.assign(array)
    if isinstance(copy, keras.layers.Layer):
        _finish(call.operation, copy)


def _finish(original: Any, copy: Any) -> None:
    """Restore the state of a layer that is not in its weights, such as a vocabulary."""
    for old, new in zip(original._flatten_layers(), copy._flatten_layers(), strict=True):
        if isinstance(new, keras.layers.Normalization):
            new.finalize_state()
        if hasattr(old, "save_assets") and hasattr(new, "load_assets"):
            with tempfile.TemporaryDirectory() as directory:
                old.save_assets(directory)
                new.load_assets(directory)


def unwrap_kernels(graph: FlatGraph) -> None:
    """Replace wrappers that do nothing in inference, such as DropConnect, by the wrapped layer."""
    for call in graph.calls:
        wrapper = call.operation
        if (
            isinstance(wrapper, keras.layers.Wrapper)
            and takes_training(wrapper)
            and isinstance(kernel_of(wrapper.layer), KernelArrays)
            and len(call.inputs) == len(call.outputs) == 1
            and id(wrapper) not in graph.shared
            and _answers_alike(call)
        ):
            call.operation, call.node = wrapper.layer, None


def _answers_alike(call: Call) -> bool:
    """Return whether a wrapper and its layer give exactly the same outputs for random inputs."""
    (value,) = call.inputs
    inner = Call(call.operation.layer, call.path, call.inputs, call.outputs)
    arrays = {value: np.random.default_rng(0).normal(size=trial_shape(value))}
    return np.array_equal(evaluate(call, arrays), evaluate(inner, arrays))
