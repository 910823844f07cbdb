"""The inputs of a Keras model by name, and its call in inference mode."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell  # no public name in Keras 3.15

from .errors import ExportError

# Keras numbers the inputs that have no name, process by process: no client could rely on those.
_GENERATED = re.compile(r"(keras_tensor|input_layer)(_\d+)?")
# TensorFlow renames or refuses other names of a signature's arguments.
_ARGUMENT = re.compile(r"[A-Za-z]\w*", re.ASCII)


@dataclass(frozen=True)
class Inputs:
    """The inputs of a model, flat and by name, and how to nest them again.

    Args:
        specs: Name to `tf.TensorSpec` of shape `(None, ...)`, in the order of `structure`.
        structure: A tensor, or the list or dict of them, as the model takes it.
    """

    specs: Mapping[str, tf.TensorSpec]
    structure: Any

    @classmethod
    def of(cls, model: keras.Model) -> "Inputs":
        """Return the inputs of a functional, Sequential or once called subclassed model.

        An input is called what its dict key or `keras.Input` says. One without a name is called
        `inputs`; several without are `inputs_0`, `inputs_1`, by position.

        Raises:
            ExportError: If the model does not know its input shape yet, or a name cannot be an
                argument of a signature.
        """
        structure = _structure(model)
        leaves = keras.tree.flatten_with_path(structure)
        names = [
            _name(path, tensor.name, position if len(leaves) > 1 else None)
            for position, (path, tensor) in enumerate(leaves)
        ]
        if wrong := [name for name in names if not _ARGUMENT.fullmatch(name)]:
            raise ExportError(
                "Expected input names of ASCII letters, digits and underscores, a letter first. "
                f"Received: {wrong}. Wrap the model: `keras.Model(x, model(x))` with a new "
                "`x = keras.Input(..., name=...)`"
            )
        specs = {
            name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, name)
            for name, (_, tensor) in zip(names, leaves, strict=True)
        }
        return cls(specs, structure)

    def raw(
        self, dtype: tf.DType = tf.float32, shape: Sequence[int | None] | None = None
    ) -> "Inputs":
        """Return inputs of the same names and another dtype or shape, for a preprocessing."""
        specs = {
            name: tf.TensorSpec(spec.shape if shape is None else shape, dtype, name)
            for name, spec in self.specs.items()
        }
        return replace(self, specs=specs)

    def nest(self, features: Mapping[str, Any]) -> Any:
        """Return `features` by name in the structure that the model takes."""
        return keras.tree.pack_sequence_as(self.structure, [features[name] for name in self.specs])


def infer(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
    """Call a layer or model with `training=False`; draw no random number and keep its state."""
    with _without_recurrent_masks(layer):
        return layer(*args, **{**kwargs, "training": False})


@contextmanager
def _without_recurrent_masks(layer: keras.Layer) -> Iterator[None]:
    """Set the dropout of recurrent cells to 0.

    Outside of training, Keras 3.15 draws their masks all the same, which advances their seed, and
    then does not use them.
    """
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
            "Expected a model that knows the shape of its input: a functional or Sequential model "
            "with a `keras.Input`, or a subclassed one of one input that was called or built once. "
            f"Received: {type(model).__name__} {model.name!r} without a known input shape"
        )
    return keras.KerasTensor(shape, dtype=model.variable_dtype, name="inputs")


def _name(path: Sequence[Any], tensor_name: str, position: int | None) -> str:
    if path and isinstance(path[-1], str):
        return path[-1]
    if not _GENERATED.fullmatch(tensor_name):
        return tensor_name
    return "inputs" if position is None else f"inputs_{position}"
