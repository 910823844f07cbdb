"""Descriptions of a model: a text card, and the graph of its operations."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import keras

from ..penalty import weight_penalty

_RATES = ("rate", "drop_rate", "stddev")


def card(model: keras.Model, extra: str | Mapping[str, Any] | None = None) -> str:
    """Return a Markdown card of a built model: its layers, their regularization, and `extra`."""
    own = {"Regularization": extra} if isinstance(extra, str) else extra or {}
    parts = [f"# {model.name}", *(f"**{title}:** {_escape(value)}" for title, value in own.items())]
    parts.append(f"**Parameters:** {model.count_params():,}")
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        decay = getattr(optimizer, "weight_decay", None)
        parts.append(f"**Optimizer:** {type(optimizer).__name__}, weight decay {decay or 0:g}")
        loss = model.loss
        name = loss if isinstance(loss, str) else getattr(loss, "name", None) or _name(loss)
        parts.append(f"**Loss:** {name}")
    rows = ["| layer | kind | output | parameters | regularization |", "|---|---|---|---|---|"]
    for layer in model.layers:
        cells = (
            layer.name,
            type(layer).__name__,
            str(getattr(getattr(layer, "output", None), "shape", "")),
            f"{layer.count_params():,}" if layer.built else "",
            ", ".join([*_rates(layer), *_penalties(layer)]),
        )
        rows.append("| " + " | ".join(map(_escape, cells)) + " |")
    return "\n\n".join([*parts, "\n".join(rows)]) + "\n\n"


def _name(function: Any) -> str:
    """Return the name of a function, or of the class of an object."""
    return getattr(function, "__name__", type(function).__name__)


def _rates(layer: keras.Layer) -> list[str]:
    rates = {name: getattr(layer, name, None) for name in _RATES}
    return [f"{n} {float(r):g}" for n, r in rates.items() if isinstance(r, int | float)]


def _penalties(layer: keras.Layer) -> list[str]:
    found = []
    for weight in layer.trainable_weights:
        if weight.regularizer is not None:
            regularizer = weight.regularizer
            get_config = getattr(regularizer, "get_config", dict)  # a function has none
            config = or_warn(f"the config of {type(regularizer).__name__}", get_config) or {}
            numbers = ", ".join(f"{k} {v:g}" for k, v in config.items() if isinstance(v, float))
            found.append(f"{weight.name}: {_name(regularizer)} {numbers}".strip())
    return list(dict.fromkeys(found))


def _escape(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def innermost(model: keras.Model) -> keras.Model:
    """Return the innermost model with the inputs of `model`, which others may wrap."""

    def inputs(model: Any) -> list[int]:
        return list(map(id, getattr(model, "inputs", None) or []))

    if not inputs(model):
        return model
    models = [each for each in model._flatten_layers() if isinstance(each, keras.Model)]
    return [each for each in models if inputs(each) == inputs(model)][-1]


def op_graph(model: keras.Model) -> bytes | None:
    """Return the serialized `GraphDef` of a forward pass in training mode and of the penalty.

    It is traced but never run. `None` without TensorFlow or known inputs.
    """
    inputs = getattr(model, "inputs", None)
    if keras.backend.backend() != "tensorflow" or not inputs:
        return None
    import tensorflow as tf

    # `Sequential.input` raises "never been called".
    structure = inputs[0] if isinstance(model, keras.Sequential) else model.input

    def forward(*tensors):
        outputs = model(tf.nest.pack_sequence_as(structure, tensors), training=True)
        with tf.name_scope("penalty"):
            return outputs, weight_penalty(model)

    shapes = [
        tf.TensorSpec(x.shape, x.dtype, name=x.name.split("/")[-1].split(":")[0])
        for x in tf.nest.flatten(structure)
    ]
    graph = tf.function(forward, autograph=False).get_concrete_function(*shapes).graph
    return graph.as_graph_def(add_shapes=True).SerializeToString()


def or_warn(what: str, make: Callable[[], Any]) -> Any:
    """Return `make()`, or `None` with a warning if it raises."""
    try:
        return make()
    except Exception as error:  # user-defined layers and regularizers may raise anything
        warnings.warn(
            f"TensorBoard leaves out {what} because of {type(error).__name__}: {error}",
            stacklevel=2,
        )
        return None
