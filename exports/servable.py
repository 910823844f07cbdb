"""The written object: traced functions with their weights and lookup tables, each stored once."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from .errors import ExportError
from .heads import Head

SIGNATURE = "serving_default"
PREDICT = "tensorflow/serving/predict"


class Traceable(NamedTuple):
    """A function from features to answers by name, to trace as a signature."""

    function: Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]]
    specs: Mapping[str, tf.TensorSpec]
    method: str = PREDICT  # the API of TensorFlow Serving that calls it


class Servable(tf.Module):
    """A module of traced signatures, which loads without Keras.

    `keras.Model.export` writes every weight twice and leaves layers in training mode (Keras 3.15).
    Here a weight that several signatures read is stored once, under the path of its Keras variable,
    and the vocabularies of lookup tables are stored in the graph.
    """

    def __init__(
        self,
        signatures: Mapping[str, Traceable],
        head: Head,
        variables: Iterable[Any],
    ):
        super().__init__()
        self._methods = tuple((name, traceable.method) for name, traceable in signatures.items())
        self.functions: dict[str, Any] = {
            # autograph=False as in `model.predict`, for the same graph
            name: tf.function(
                traceable.function, input_signature=[dict(traceable.specs)], autograph=False
            ).get_concrete_function()
            for name, traceable in signatures.items()
        }
        graphs = [function.graph for function in self.functions.values()]
        read = {id(variable): variable for graph in graphs for variable in graph.variables}
        self.weights_by_path = _by_path(read.values(), variables)
        self.tables = _tables(graphs)
        text = json.dumps(head.to_dict(), sort_keys=True)
        self.head = tf.function(lambda: tf.constant(text), input_signature=[])

    @property
    def precision(self) -> str:
        """Return the name of the shortest float dtype in which `serving_default` computes."""
        operations = self.functions[SIGNATURE].graph.get_operations()
        tensors = (tensor for operation in operations for tensor in operation.outputs)
        dtypes = {tensor.dtype for tensor in tensors if tensor.dtype.is_floating}
        return min(dtypes, key=lambda dtype: dtype.size, default=tf.float32).name

    @property
    def sparsity(self) -> float:
        """Return the fraction of exact zeros in the weights of two axes or more."""
        kernels = [w.numpy() for w in self.weights_by_path.values() if len(w.shape) >= 2]
        zeros = sum(kernel.size - np.count_nonzero(kernel) for kernel in kernels)
        return float(zeros / max(sum(kernel.size for kernel in kernels), 1))

    def save(self, path: str) -> None:
        """Write the SavedModel into the directory `path`.

        Every fresh process writes the same bytes; within one process, TensorFlow numbers the
        functions of a second export differently.
        """
        tf.saved_model.save(self, path, signatures=dict(self.functions))
        _set_methods(Path(path, "saved_model.pb"), dict(self._methods))
        # Nothing needs this file, which holds a random number and outdated checksums.
        Path(path, "fingerprint.pb").unlink(missing_ok=True)


class Table(tf.saved_model.experimental.TrackableResource):
    """A lookup table that stores its vocabulary as constants in the graph, without a file.

    TensorFlow names a table by a process-wide counter or the path of its file; here the name and
    the order of the entries depend on the entries only. It shares the handle of the original table
    and so replaces it in every graph.
    """

    def __init__(self, table: tf.lookup.StaticHashTable):
        super().__init__()
        # The setter would tie the handle to this object.
        self._resource_handle_value = table.resource_handle
        keys, values = (tensor.numpy() for tensor in table.export())
        order = np.argsort(keys)
        self._entries = (keys[order], table.key_dtype), (values[order], table.value_dtype)
        parts = (tf.io.serialize_tensor(tf.constant(*part)).numpy() for part in self._entries)
        self.digest = hashlib.sha256(b"".join(parts)).hexdigest()

    @classmethod
    def of(cls, handle: tf.Tensor) -> "Table | None":
        """Return the table with that handle, or None if it is not a constant table."""
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
        if not tf.executing_eagerly():  # eagerly, it is the user's own table
            tf.raw_ops.DestroyResourceOp(resource=self.resource_handle, ignore_lookup_error=True)


def _tables(graphs: Iterable[Any]) -> list[Table]:
    """Return the lookup tables that graphs read; raise for resources that cannot be saved."""
    found: dict[int, Table] = {}
    for graph in graphs:
        handles = {id(variable.handle) for variable in graph.variables}
        for captured, inner in graph.captures:
            if captured.dtype != tf.resource or id(captured) in handles | found.keys():
                continue
            table = Table.of(captured)
            if table is None:
                operations = ", ".join(sorted({o.type for o in inner.consumers()}))
                raise ExportError(
                    "`model` and `preprocessing` must keep their state in variables and constant "
                    f"lookup tables. Received: {operations} on another resource"
                )
            found[id(captured)] = table
    return sorted(found.values(), key=lambda table: table.digest)  # the same in each process


def _by_path(read: Iterable[tf.Variable], variables: Iterable[Any]) -> dict[str, tf.Variable]:
    """Return the variables that graphs read, by path; equal paths in nested models get a number.

    The order is the model's and then by name, since the order in a graph changes with loops.
    """
    paths = {id(variable.value): variable.path for variable in variables}
    places = {key: place for place, key in enumerate(paths)}
    seen: Counter[str] = Counter()
    weights = {}
    for variable in sorted(read, key=lambda v: (places.get(id(v), len(places)), v.name)):
        path = paths.get(id(variable), variable.name)
        seen[path] += 1
        weights[path if seen[path] == 1 else f"{path}_{seen[path]}"] = variable
    return weights


def _set_methods(path: Path, methods: Mapping[str, str]) -> None:
    """Set the methods other than Predict, which TensorFlow writes for every signature."""
    changed = {name: method for name, method in methods.items() if method != PREDICT}
    if not changed:
        return
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for name, method in changed.items():
        saved.meta_graphs[0].signature_def[name].method_name = method
    path.write_bytes(saved.SerializeToString(deterministic=True))
