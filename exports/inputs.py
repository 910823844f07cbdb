"""What a Keras model is fed with: the names, shapes and dtypes of its inputs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf

from .errors import ExportError

__all__ = ["Inputs"]

# Keras numbers the inputs that have no name, process by process: no client could rely on those.
_GENERATED = re.compile(r"(keras_tensor|input_layer)(_\d+)?")
# TensorFlow renames or refuses other names of a signature's arguments.
_ARGUMENT = re.compile(r"[A-Za-z]\w*", re.ASCII)


@dataclass(frozen=True)
class Inputs:
    """The inputs of a model, flat and by name, and how to nest them again.

    Args:
        specs: name to `tf.TensorSpec` of shape `(None, ...)`, in the order of `structure`.
        structure: a tensor, or the list or dict of them, as the model takes it.
    """

    specs: Mapping[str, tf.TensorSpec]
    structure: Any

    @classmethod
    def of(cls, model: keras.Model) -> "Inputs":
        """The inputs of a functional, Sequential or once called subclassed model.

        An input is called what its dict key or `keras.Input` says. One without a name is called
        `inputs`; several without are `inputs_0`, `inputs_1`, by position.

        Raises:
            ExportError: the model does not know its input shape yet, or a name cannot be an
                argument of a signature.
        """
        structure = _structure(model)
        leaves = keras.tree.flatten_with_path(structure)
        names = [
            _name(path, tensor.name, position if len(leaves) > 1 else None)
            for position, (path, tensor) in enumerate(leaves)
        ]
        _check_names(names)
        specs = {
            name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, name)
            for name, (_, tensor) in zip(names, leaves, strict=True)
        }
        return cls(specs, structure)

    def raw(
        self, dtype: tf.DType = tf.float32, shape: Sequence[int | None] | None = None
    ) -> "Inputs":
        """The same names, and the same shapes unless told: what a preprocessing starts from."""
        specs = {
            name: tf.TensorSpec(spec.shape if shape is None else shape, dtype, name)
            for name, spec in self.specs.items()
        }
        return replace(self, specs=specs)

    def nest(self, features: Mapping[str, Any]) -> Any:
        """`features` by name, in the structure that the model takes."""
        return keras.tree.pack_sequence_as(self.structure, [features[name] for name in self.specs])


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


def _check_names(names: Sequence[str]) -> None:
    if wrong := [name for name in names if not _ARGUMENT.fullmatch(name)]:
        raise ExportError(
            "Expected input names of ASCII letters, digits and underscores, a letter first. "
            f"Received: {wrong}. Wrap the model: `keras.Model(x, model(x))` with a new "
            "`x = keras.Input(..., name=...)`"
        )
