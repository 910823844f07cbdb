"""The object that is written: one traced function and the weights that it reads, each once."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from .errors import ExportError

__all__ = ["SIGNATURE", "Servable"]

SIGNATURE = "serving_default"


class Servable(tf.Module):
    """One signature, from named features to the answer, and nothing of the training.

    `keras.Model.export` writes every weight twice and leaves layers in training mode; a plain
    module around a traced function does neither, and is read back without Keras.

    Args:
        probabilities: from features by name to `(n, classes)` float32 probabilities.
        specs: name to `tf.TensorSpec` of shape `(None, ...)`.
        class_names: one string a class.
        variables: the Keras variables whose paths name the stored weights.
    """

    def __init__(
        self,
        probabilities: Callable[[Mapping[str, tf.Tensor]], tf.Tensor],
        specs: Mapping[str, tf.TensorSpec],
        class_names: Sequence[str],
        variables: Iterable[Any],
    ):
        super().__init__()

        def serve(features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return _answer(probabilities(features), class_names)

        # autograph=False, as in `model.predict`: the graph is what Keras' own tracing gives.
        function = tf.function(serve, input_signature=[dict(specs)], autograph=False)
        self.signature = function.get_concrete_function()
        _check_captures(self.signature.graph)
        self.weights_by_path = _by_path(self.signature.graph.variables, variables)
        self.class_names = tf.function(lambda: tf.constant(class_names), input_signature=[])

    @property
    def precision(self) -> str:
        """The shortest float dtype in which the graph computes: `"float32"`, `"bfloat16"`, ..."""
        tensors = (t for op in self.signature.graph.get_operations() for t in op.outputs)
        dtypes = {tensor.dtype for tensor in tensors if tensor.dtype.is_floating}
        return min(dtypes, key=lambda dtype: dtype.size).name

    def save(self, path: str) -> None:
        """Writes the SavedModel into the directory `path`."""
        tf.saved_model.save(self, path, signatures={SIGNATURE: self.signature})


def _answer(probabilities: tf.Tensor, class_names: Sequence[str]) -> dict[str, tf.Tensor]:
    class_id = tf.argmax(probabilities, axis=-1, output_type=tf.int64)
    return {
        "probabilities": probabilities,
        "class_id": class_id,
        "label": tf.gather(tf.constant(class_names), class_id),
    }


def _check_captures(graph: Any) -> None:
    """Refuses what a SavedModel of variables alone cannot hold, such as a lookup table."""
    handles = {id(variable.handle) for variable in graph.variables}
    for captured, inner in graph.captures:
        if captured.dtype == tf.resource and id(captured) not in handles:
            operations = ", ".join(sorted({operation.type for operation in inner.consumers()}))
            raise ExportError(
                "Expected a model and a preprocessing that keep their state in variables only. "
                f"Received: {operations} on another resource"
            )


def _by_path(read: Iterable[tf.Variable], variables: Iterable[Any]) -> dict[str, tf.Variable]:
    """The variables that a graph reads; two layers of one name in nested models get a number."""
    paths = {id(variable.value): variable.path for variable in variables}
    seen: Counter[str] = Counter()
    weights = {}
    for variable in read:
        path = paths.get(id(variable), variable.name)
        seen[path] += 1
        weights[path if seen[path] == 1 else f"{path}_{seen[path]}"] = variable
    return weights
