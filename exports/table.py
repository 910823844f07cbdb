"""`Table`: a lookup table that graphs read, written with what is in it."""

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf

__all__ = ["Table"]


class Table(tf.saved_model.experimental.TrackableResource):
    """A vocabulary in a SavedModel: constants in its graph, and no file beside it.

    TensorFlow names a table by what its process has made before, or by the path of its file. This
    one has the handle of the table that it is made of, so that it takes the place of it in every
    graph that reads it, and a name and an order of its entries that depend on the entries alone.

    Args:
        table: what graphs look up in.

    Attributes:
        digest: of the entries.
    """

    def __init__(self, table: tf.lookup.StaticHashTable):
        super().__init__()
        # Not by its setter, which would make the handle that of this object.
        self._resource_handle_value = table.resource_handle
        keys, values = (tensor.numpy() for tensor in table.export())
        order = np.argsort(keys)
        self._entries = (keys[order], table.key_dtype), (values[order], table.value_dtype)
        parts = (tf.io.serialize_tensor(tf.constant(*part)).numpy() for part in self._entries)
        self.digest = hashlib.sha256(b"".join(parts)).hexdigest()

    @classmethod
    def of(cls, handle: tf.Tensor) -> "Table | None":
        """The table with that handle; None if it is none, or one that can change."""
        parent: Any = getattr(handle, "_parent_trackable", lambda: None)()
        return cls(parent) if isinstance(parent, tf.lookup.StaticHashTable) else None

    def _create_resource(self) -> tf.Tensor:
        (_, key_dtype), (_, value_dtype) = self._entries
        return tf.raw_ops.HashTableV2(
            key_dtype=key_dtype, value_dtype=value_dtype, shared_name=self.digest
        )

    def _initialize(self) -> None:
        keys, values = (tf.constant(*part) for part in self._entries)
        tf.raw_ops.InitializeTableV2(table_handle=self.resource_handle, keys=keys, values=values)

    def _destroy_resource(self) -> None:
        # Of the copy that was loaded from the SavedModel, which calls the graph of this. The table
        # that this one was made of is not its own.
        if not tf.executing_eagerly():
            tf.raw_ops.DestroyResourceOp(resource=self.resource_handle, ignore_lookup_error=True)
