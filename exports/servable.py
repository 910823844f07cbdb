"""The object that is written: traced functions and the weights that they read, each once."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from .errors import ExportError
from .table import Table

__all__ = ["SIGNATURE", "Servable", "Traceable"]

SIGNATURE = "serving_default"
PREDICT = "tensorflow/serving/predict"


class Traceable(NamedTuple):
    """A function to be traced as a signature.

    Args:
        function: from features by name to answers by name.
        specs: feature name to `tf.TensorSpec` of shape `(None, ...)`.
        method: what TensorFlow Serving calls such a signature.
    """

    function: Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]]
    specs: Mapping[str, tf.TensorSpec]
    method: str = PREDICT


class Servable(tf.Module):
    """Signatures, from named features to named answers, and nothing of the training.

    `keras.Model.export` writes every weight twice and leaves layers in training mode; a plain
    module around traced functions does neither, and is read back without Keras. A weight that
    several signatures read is stored once. Vocabularies of lookup tables are stored in the graph.

    Args:
        signatures: what to trace, by name; `serving_default` among it.
        class_names: one string a class.
        variables: the Keras variables whose paths name the stored weights.
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
        """The shortest float dtype in which `serving_default` computes: `"float32"`, ..."""
        operations = self.functions[SIGNATURE].graph.get_operations()
        tensors = (tensor for operation in operations for tensor in operation.outputs)
        dtypes = {tensor.dtype for tensor in tensors if tensor.dtype.is_floating}
        return min(dtypes, key=lambda dtype: dtype.size).name

    @property
    def sparsity(self) -> float:
        """The fraction of exact zeros in the weights of two axes or more."""
        kernels = [w.numpy() for w in self.weights_by_path.values() if len(w.shape) >= 2]
        zeros = sum(kernel.size - np.count_nonzero(kernel) for kernel in kernels)
        return float(zeros / max(sum(kernel.size for kernel in kernels), 1))

    def save(self, path: str) -> None:
        """Writes the SavedModel into the directory `path`.

        The same bytes from each fresh process. Within one, TensorFlow goes on numbering functions,
        and a second export has other names in its graph.
        """
        tf.saved_model.save(self, path, signatures=dict(self.functions))
        _set_methods(Path(path, "saved_model.pb"), dict(self._methods))
        # It holds a random number, and sums of what was just changed; nothing needs it.
        Path(path, "fingerprint.pb").unlink(missing_ok=True)


def _traced(traceable: Traceable) -> Any:
    # autograph=False, as in `model.predict`: the graph is what Keras' own tracing gives.
    function = tf.function(
        traceable.function, input_signature=[dict(traceable.specs)], autograph=False
    )
    return function.get_concrete_function()


def _tables(graphs: Iterable[Any]) -> list[Table]:
    """The lookup tables that graphs read, in an order that is the same in each process.

    Refuses what is neither a variable nor such a table: a SavedModel could not hold its state.
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
    """The variables that graphs read; two layers of one name in nested models get a number.

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
    """Names the method of signatures that are not for Predict, which is what TensorFlow writes."""
    changed = {name: method for name, method in methods.items() if method != PREDICT}
    if not changed:
        return
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for name, method in changed.items():
        saved.meta_graphs[0].signature_def[name].method_name = method
    path.write_bytes(saved.SerializeToString(deterministic=True))
