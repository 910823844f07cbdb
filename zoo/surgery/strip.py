"""`strip`: copy any Keras model without its regularization."""

from collections.abc import Callable
from typing import Any

import keras

from ...core.checks import check_type
from ...core.layer_kinds import Kind, drops_samples, kind_of, unwrap
from ...core.model_graph import Call, ModelGraph, can_be_rebuilt
from ..layers.drop_connect import KernelWrapper
from ..models.blueprint import ZooModel
from .copier import Copier, Edits, prepared
from .layer_copy import layer_config
from .parts import Part, parts_of


def strip(model: keras.Model) -> keras.Model:
    """Copy a model with its weights, without its penalties, constraints, dropout and noise.

    The inverse of `regularize`, for serving a model or regularizing it anew. The copy has no layers
    of Keras and Occam for dropout, noise and random augmentation. `StochasticDepth` and
    `ResidualBranch` become plain sums, and `DropConnect` and `ConcreteDropout` the layers that they
    wrap. At inference, the outputs of the copy equal the original's bit by bit. The original is not
    changed, and the copy is not compiled.

    The copy of a model of the zoo is a plain Keras model without a `blueprint`. It can be loaded
    without Occam, and `zoo.train` trains it without mixup and the like.

    Recurrent, attention and composite layers, such as transformer blocks, keep their drop rates:
    with a rate of 0, Keras computes in another order, and the last bits differ.

    Args:
        model: Any functional, Sequential or nested model, or a subclassed model whose config
            contains its regularization.

    Raises:
        ValueError: If a layer cannot be made from its config, or its regularization is not in its
            config; the message names the layer.

    Example:

    >>> from occam import zoo
    >>> model = zoo.create_model(
    ...     "mlp", input_shape=(8,), num_classes=3, regularization="strong", units=(16,)
    ... )
    >>> [type(layer).__name__ for layer in zoo.strip(model).layers[1:]]
    ['Flatten', 'Dense', 'Activation', 'Dense']
    """
    check_type("model", model, keras.Model, "a keras.Model")
    original, edits = prepared(model), Edits()
    copier = Copier(edits, keep=False)
    if can_be_rebuilt(original):
        graph = ModelGraph(original, rebuildable=True)
        for each in reversed(list(graph.walk())):  # inner models first
            for call in each.calls:
                _plan(each, call, edits)
        made = copier.model(graph)
    else:
        edits.configs[id(original)] = _bare_config(original, original.name)
        made = copier.opaque(original)
    _check(made, _with_a_rate(copier, made))
    if isinstance(made, ZooModel):
        made = keras.Model(made.input, made.output, name=made.name)
    return made


def is_training_only(layer: Any) -> bool:
    """Return whether a layer acts in training only and is the identity at inference."""
    if isinstance(layer, keras.layers.TimeDistributed):
        return is_training_only(unwrap(layer))
    if isinstance(layer, keras.layers.Pipeline):
        return all(map(is_training_only, layer.layers))
    if isinstance(layer, keras.layers.ActivityRegularization) or drops_samples(layer):
        return True
    return kind_of(layer) in (Kind.DROPOUT, Kind.NOISE, Kind.AUGMENTATION)


def _plan(graph: ModelGraph, call: Call, edits: Edits) -> None:
    operation = call.operation
    if inner := graph.inner.get(id(operation)):
        if all(id(each.operation) in edits.removed for each in inner.calls):
            edits.removed.add(id(operation))  # a model with nothing but augmentation
    elif not isinstance(operation, keras.layers.Layer):
        return
    elif is_training_only(operation):
        _leave_out(call, edits)
    elif kind_of(operation) is Kind.RESIDUAL_SUM:
        edits.rewired[call] = _sum_of(operation, graph, edits)
    elif isinstance(operation, KernelWrapper):
        held = operation.layer
        named = held.name == operation.name or held.name not in graph.names
        edits.configs[id(held)] = _bare_config(held, call.path)
        edits.configs[id(held)]["name"] = held.name if named else operation.name
        edits.swapped[id(operation)] = lambda copier: copier.layer(held)
    else:
        edits.configs[id(operation)] = _bare_config(operation, call.path)


def _leave_out(call: Call, edits: Edits) -> None:
    operation = call.operation
    if call.outputs[0].dtype == call.inputs[0].dtype:
        edits.removed.add(id(operation))
    else:  # an augmentation that turns integers into floats
        name, dtype = operation.name, operation.dtype_policy
        edits.swapped[id(operation)] = lambda copier: keras.layers.Rescaling(
            1.0, name=name, dtype=dtype
        )


def _sum_of(operation: Any, graph: ModelGraph, edits: Edits) -> Callable[..., Any]:
    """Return a function that computes a residual sum without dropping its branch."""
    name, branch = operation.name, list(getattr(operation, "branch", ()))
    for held in branch:
        config = _bare_config(held, f"{graph.join(name)}/{held.name}")
        edits.configs[id(held)] = {**config, "name": f"{name}_{held.name}"}
    add = keras.layers.Add(name=name, dtype=operation.dtype_policy)

    def call(copier: Copier, inputs: Any, **_: Any) -> Any:
        shortcut, x = inputs if isinstance(inputs, list | tuple) else (inputs, inputs)
        for held in branch:
            x = copier.layer(held)(x)
        return add([shortcut, x])

    return call


def _bare_config(layer: Any, path: str) -> dict[str, Any]:
    """Return the config of a layer without penalties and constraints."""
    config = layer_config(layer, path)
    for part in parts_of(Part(layer, (path,), config, layer)):
        own = part.config
        for slot in (*part.slots, "activity"):
            for name in (f"{slot}_regularizer", f"{slot}_constraint"):
                if own.get(name) is not None:
                    own[name] = None
    return config


def _check(model: keras.Model, inside: set[int]) -> None:
    """Raise if any regularization is left."""
    for layer in model._flatten_layers():
        drops = is_training_only(layer) and id(layer) not in inside
        if drops or layer.activity_regularizer is not None:
            raise ValueError(_left(layer.path or layer.name, type(layer).__name__))
    for weight in model.weights:
        for part in (weight.regularizer, weight.constraint):
            if part is not None:
                raise ValueError(_left(weight.path, type(part).__name__))


def _with_a_rate(copier: Copier, model: keras.Model) -> set[int]:
    """Return the identities of the layers inside layers that take a drop rate."""
    layers = model._flatten_layers()
    holders = [layer for layer in layers if kind_of(layer) is Kind.MULTI_HEAD_ATTENTION]
    for old, copy, path in copier.pairs:
        config = copier.edits.configs.get(id(old), {})
        parts = parts_of(Part(old, (path,), config, old))
        holders += [part.same_in(copy) for part in parts if part.drop_rates()]
    return {id(one) for holder in holders for one in holder._flatten_layers(include_self=False)}


def _left(path: str, what: str) -> str:
    return (
        f"{path!r} cannot be stripped of {what}, because the config of the layer around it does "
        "not have it: give the constructor (and get_config) of that layer an argument for it."
    )
