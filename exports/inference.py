"""A Keras model in inference mode: its named inputs, and calls of the model or of its layers."""

import keyword
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell  # no public name in Keras 3.15

from ..core.model_graph import Call, FlatGraph
from .errors import ExportError

# Keras' names for unnamed inputs; the number differs from process to process.
_GENERATED = re.compile(r"(keras_tensor|input_layer)(_\d+)?")


@dataclass(frozen=True)
class Inputs:
    """The inputs of a model by name, and the structure (list or dict) that the model takes."""

    specs: Mapping[str, tf.TensorSpec]  # of shape (None, ...), in the order of `structure`
    structure: Any

    @classmethod
    def of(cls, model: keras.Model) -> "Inputs":
        """Return the inputs of a functional or Sequential model, or of a built subclassed one.

        Each is named by its dict key or its `keras.Input`. A single unnamed input is called
        `inputs`; among several, it is `inputs_<position>`.
        """
        structure = _structure(model)
        leaves = keras.tree.flatten_with_path(structure)
        names = [
            _name(path, tensor.name, position if len(leaves) > 1 else None)
            for position, (path, tensor) in enumerate(leaves)
        ]
        if wrong := [name for name in names if not is_argument(name)]:
            raise ExportError(
                "`model` must have input names of ASCII letters, digits and underscores, a letter "
                f"first, and neither a Python keyword nor 'self'. Received: {wrong}. Rename these "
                "columns of a table and train again, or wrap the model: `keras.Model(x, model(x))` "
                "with a new `x = keras.Input(..., name=...)`"
            )
        specs = {
            name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, name)
            for name, (_, tensor) in zip(names, leaves, strict=True)
        }
        return cls(specs, structure)

    def raw(
        self, dtype: tf.DType = tf.float32, shape: Sequence[int | None] | None = None
    ) -> "Inputs":
        """Return inputs of the same names and another dtype or shape."""
        specs = {
            name: tf.TensorSpec(spec.shape if shape is None else shape, dtype, name)
            for name, spec in self.specs.items()
        }
        return replace(self, specs=specs)

    def nest(self, features: Mapping[str, Any]) -> Any:
        """Return `features` by name in the structure that the model takes."""
        return keras.tree.pack_sequence_as(self.structure, [features[name] for name in self.specs])


def infer(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
    """Call a layer or model with `training=False`, without random numbers or changes of state."""
    with _without_recurrent_masks(layer):
        return layer(*args, **{**kwargs, "training": False})


def flat_graph(model: keras.Model, signature: str) -> FlatGraph:
    """Return the graph of a functional or Sequential model, or raise an `ExportError`."""
    try:
        return FlatGraph(model)
    except ValueError as error:
        raise ExportError(f"The signature {signature!r}: {error}") from error


def begin(graph: FlatGraph, inputs: Any) -> dict[Any, Any]:
    """Return the value of each input tensor of a graph, from the nested inputs of its model."""
    tensors = graph.functional._standardize_inputs(inputs)  # private in Keras 3.15
    return dict(zip(graph.inputs, tensors, strict=True))


def run(
    calls: Iterable[Call],
    values: dict[Any, Any],
    function: Callable[[Call, tuple, dict], Any] | None = None,
) -> None:
    """Make calls in inference mode, or by `function`, and add their outputs to `values`."""
    for call in calls:
        args, kwargs = call.fill_in(values)
        outputs = keras.tree.flatten((function or inference)(call, args, kwargs))
        values.update(zip(call.outputs, outputs, strict=True))


def inference(call: Call, args: tuple, kwargs: dict) -> Any:
    """Make one call in inference mode."""
    if isinstance(call.operation, keras.Layer):
        return infer(call.operation, *args, **kwargs)
    return call.operation(*args, **kwargs)


@contextmanager
def _without_recurrent_masks(layer: keras.Layer) -> Iterator[None]:
    """Set the dropout of recurrent cells to 0: Keras 3.15 draws their masks in inference too."""
    inner = layer._flatten_layers()
    cells: list[Any] = [cell for cell in inner if isinstance(cell, DropoutRNNCell)]
    rates = [(cell.dropout, cell.recurrent_dropout) for cell in cells]
    try:
        for cell in cells:
            cell.dropout = cell.recurrent_dropout = 0.0
        yield
    finally:
        for cell, (dropout, recurrent_dropout) in zip(cells, rates, strict=True):
            cell.dropout, cell.recurrent_dropout = dropout, recurrent_dropout


def _structure(model: keras.Model) -> Any:
    if inputs := getattr(model, "inputs", None):
        return inputs[0] if isinstance(model, keras.Sequential) else model.input
    shape = (model.get_build_config() or {}).get("input_shape")
    if shape is None or not all(isinstance(size, int | None) for size in shape):
        raise ExportError(
            "`model` must be functional or Sequential with a `keras.Input`, or subclassed with one "
            "input and called once; wrap a subclassed one with several inputs in a functional "
            "model. "
            f"Received: {type(model).__name__} {model.name!r} without a known input shape"
        )
    return keras.KerasTensor(shape, dtype=model.variable_dtype, name="inputs")


def is_argument(name: str) -> bool:
    """Return whether TensorFlow takes a name as an argument of a signature, and keeps it."""
    word = re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) is not None
    return word and not keyword.iskeyword(name) and name != "self"


def _name(path: Sequence[Any], tensor_name: str, position: int | None) -> str:
    if path and isinstance(path[-1], str):
        return path[-1]
    if not _GENERATED.fullmatch(tensor_name):
        return tensor_name
    return "inputs" if position is None else f"inputs_{position}"
