"""`SavedModel`, which answers, and what can be read of one without loading it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from .runtime import Runtime
from .servable import SIGNATURE
from .specs import SignatureSpecs

__all__ = ["SavedModel", "decoded", "read_meta_graph", "read_specs", "tensor_of"]


class SavedModel(Runtime):
    """A SavedModel that `export` wrote, loaded by TensorFlow.

    Args:
        path: its directory.

    Attributes:
        model: what TensorFlow loaded; it keeps the variables alive, which a signature holds weakly.

    Raises:
        ValueError: it was written by something else.
    """

    def __init__(self, path: Path):
        self.model: Any = tf.saved_model.load(str(path))
        if not hasattr(self.model, "class_names"):
            raise ValueError(
                f"Expected a SavedModel that `export` wrote. Received: another one, {path}"
            )
        self.class_names = tuple(name.decode() for name in self.model.class_names().numpy())
        others = sorted(set(self.model.signatures) - {SIGNATURE})
        self.specs = {name: _specs(self.model.signatures[name]) for name in (SIGNATURE, *others)}

    def answer(self, signature: str, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs by name."""
        tensors = {name: tensor_of(array) for name, array in features.items()}
        outputs = self.model.signatures[signature](**tensors)
        return {name: decoded(tensor.numpy()) for name, tensor in outputs.items()}


def read_meta_graph(path: Path) -> Any:
    """The `MetaGraphDef` of the SavedModel in a directory.

    Raises:
        OSError: there is no `saved_model.pb`.
        google.protobuf.message.DecodeError: it is not one.
        IndexError: it holds no graph.
    """
    content = (path / "saved_model.pb").read_bytes()
    return saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]


def tensor_of(array: Any) -> tf.Tensor:
    """An array of numbers, or of bytes as objects, as a tensor, also where it has no row."""
    return tf.constant(array, tf.string if array.dtype == object else None, array.shape)


def read_specs(path: Path) -> dict[str, SignatureSpecs]:
    """What goes into each signature of the SavedModel in a directory and comes out, by its name.

    Raises:
        OSError, google.protobuf.message.DecodeError, IndexError: as `read_meta_graph`.
    """
    return {
        name: SignatureSpecs(_read(definition.inputs), _read(definition.outputs))
        for name, definition in sorted(read_meta_graph(path).signature_def.items())
        if not name.startswith("__")
    }


def _read(infos: Any) -> dict[str, tf.TensorSpec]:
    return {
        name: tf.TensorSpec(tf.TensorShape(info.tensor_shape), tf.dtypes.as_dtype(info.dtype), name)
        for name, info in sorted(infos.items())
    }


def _specs(signature: Any) -> SignatureSpecs:
    # By name: TensorFlow 2.21 lists the inputs of what it loaded in another order in each process.
    inputs = dict(sorted(signature.structured_input_signature[1].items()))
    return SignatureSpecs(inputs, dict(sorted(signature.structured_outputs.items())))


def decoded(array: np.ndarray) -> np.ndarray:
    """An output as TensorFlow returns it, strings as `str` instead of bytes."""
    return np.char.decode(array.astype(bytes), "utf-8") if array.dtype == object else array
