"""`read_meta_graph`: the graph and the signatures of a SavedModel, without loading it."""

from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

__all__ = ["read_meta_graph", "tensor_of"]


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
