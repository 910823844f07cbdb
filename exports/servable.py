"""The object that is written: traced functions, and the weights and tables they read, each once."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from .errors import ExportError

SIGNATURE = "serving_default"
PREDICT = "tensorflow/serving/predict"


class Traceable(NamedTuple):
    """A function to trace as a signature.

    Args:
        function: From features by name to answers by name.
        specs: Feature name to `tf.TensorSpec` of shape `(None, ...)`.
        method: The API of TensorFlow Serving that such a signature answers.
    """

    function: Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]]
    specs: Mapping[str, tf.TensorSpec]
    method: str = PREDICT


class Servable(tf.Module):
    """Signatures, from named features to named answers, without anything of the training.

    `keras.Model.export` writes every weight twice and leaves layers in training mode (Keras 3.15).
    A plain module around traced functions does neither, and is read back without Keras. A weight
    that several signatures read is stored once. Vocabularies of lookup tables are stored in the
    graph.

    Args:
        signatures: What to trace, by name; `serving_default` among them.
        class_names: One string per class.
        variables: The Keras variables, whose paths name the stored weights.
    """

    def __init__(
        self,
        signatures: Mapping[str, Traceable],
        class_names: Sequence[str],
        variables: Iterable[Any],
    ):
        super().__init__()
        self._methods = tuple((name, traceable.method) for name, traceable in signatures.items())
        self.functions = {name: _traced(traceable) for name, traceable in signatures.items()}
        read = {
            id(variable): variable
            for signature in self.functions.values()
            for variable in signature.graph.variables
        }
        self.weights_by_path = _by_path(read.values(), variables)
        self.tables = _tables([function.graph for function in self.functions.values()])
        self.class_names = tf.function(lambda: tf.constant(class_names), input_signature=[])

    @property
    def precision(self) -> str:
        """Return the shortest float dtype in which `serving_default` computes: `"float32"`, ..."""
        operations = self.functions[SIGNATURE].graph.get_operations()
        tensors = (tensor for operation in operations for tensor in operation.outputs)
        dtypes = {tensor.dtype for tensor in tensors if tensor.dtype.is_floating}
        return min(dtypes, key=lambda dtype: dtype.size).name

    @property
    def sparsity(self) -> float:
        """Return the fraction of exact zeros in the weights of two axes or more."""
        kernels = [w.numpy() for w in self.weights_by_path.values() if len(w.shape) >= 2]
        zeros = sum(kernel.size - np.count_nonzero(kernel) for kernel in kernels)
        return float(zeros / max(sum(kernel.size for kernel in kernels), 1))

    def save(self, path: str) -> None:
        """Write the SavedModel into the directory `path`.

        Every fresh process writes the same bytes. Within one process, TensorFlow goes on numbering
        functions, so that a second export has other names in its graph.
        """
        tf.saved_model.save(self, path, signatures=dict(self.functions))
        _set_methods(Path(path, "saved_model.pb"), dict(self._methods))
        # It holds a random number, and checksums from before the change; nothing needs it.
        Path(path, "fingerprint.pb").unlink(missing_ok=True)


class Table(tf.saved_model.experimental.TrackableResource):
    """A vocabulary in a SavedModel: constants in its graph, without a file beside it.

    TensorFlow names a table by what its process has made before, or by the path of its file. This
    one keeps the handle of the table that it is made of, so that it replaces it in every graph, and
    takes its name and the order of its entries from the entries alone.

    Args:
        table: The table that graphs look up in.

    Attributes:
        digest: SHA-256 of the entries.
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
        """Return the table with that handle; None if it is not a table, or one that can change."""
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
        # Called in the graph of the SavedModel, for the loaded copy. The original table belongs to
        # the user, so nothing is destroyed eagerly.
        if not tf.executing_eagerly():
            tf.raw_ops.DestroyResourceOp(resource=self.resource_handle, ignore_lookup_error=True)


def _traced(traceable: Traceable) -> Any:
    # autograph=False, as in `model.predict`: the graph is what Keras' own tracing gives.
    function = tf.function(
        traceable.function, input_signature=[dict(traceable.specs)], autograph=False
    )
    return function.get_concrete_function()


def _tables(graphs: Iterable[Any]) -> list[Table]:
    """Return the lookup tables that graphs read, in the same order in each process.

    Raise for any other resource that is not a variable: a SavedModel could not hold its state.
    """
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
                    "Expected a model and a preprocessing that keep their state in variables and "
                    "in lookup tables that do not change. Received: "
                    f"{operations} on another resource"
                )
            found[id(captured)] = table
    return sorted(found.values(), key=lambda table: table.digest)


def _by_path(read: Iterable[tf.Variable], variables: Iterable[Any]) -> dict[str, tf.Variable]:
    """Return the variables that graphs read, by path; equal paths in nested models get a number.

    They are in the order of the model, then by name: a graph lists those that are read in a loop in
    another order each time.
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
    """Write the methods other than Predict, which TensorFlow writes for every signature."""
    changed = {name: method for name, method in methods.items() if method != PREDICT}
    if not changed:
        return
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for name, method in changed.items():
        saved.meta_graphs[0].signature_def[name].method_name = method
    path.write_bytes(saved.SerializeToString(deterministic=True))
