"""The last activation of a model: softmax, sigmoid, linear or another."""

from typing import Any, Literal

import keras
import numpy as np

from ...core.layer_kinds import Kind, kind_of
from ...core.model_graph import call_of
from ..errors import ExportError
from ..inference import infer

_ROWS, _UNKNOWN_SIZE = 2, 16  # of the random input for a wrapper

_Activation = Literal["softmax", "sigmoid", "linear"]
_OPERATIONS: dict[str, _Activation] = {"Softmax": "softmax", "Sigmoid": "sigmoid"}
_MEANINGS: dict[Any, _Activation] = {
    keras.activations.softmax: "softmax",
    keras.activations.sigmoid: "sigmoid",
    keras.activations.linear: "linear",
}


def last_activation(model: keras.Model) -> _Activation | None:
    """Return the last activation of a model; None for another one, or if the layers are hidden.

    It is also found within wrappers that answer as their layer does, such as
    `SpectralNormalization`, but not in subclassed models.
    """
    last = _last_operation(model)
    if isinstance(last, keras.layers.Softmax):
        return "softmax"
    if not isinstance(last, keras.Layer) and getattr(last, "axis", -1) == -1:  # of keras.ops
        return _OPERATIONS.get(type(last).__name__)
    return _MEANINGS.get(getattr(last, "activation", None))


def describe_last(model: keras.Model) -> str:
    """Return the last operation of a model and its activation in words."""
    last = _last_operation(model)
    if isinstance(last, keras.Model):
        return f"the subclassed {type(last).__name__} {last.name!r}, whose layers are hidden"
    activation = getattr(getattr(last, "activation", None), "__name__", "no activation")
    return f"{type(last).__name__} {last.name!r} with {activation}"


def means_logits(model: keras.Model, units: int, task: str = "classification") -> bool:
    """Return whether the outputs of a classifier are logits, judged by its last activation.

    Softmax (or sigmoid on one unit, or for independent labels) means probabilities, linear means
    logits. Other activations raise an `ExportError`.
    """
    meaning = last_activation(model)
    expected = "sigmoid" if units == 1 or task == "multilabel" else "softmax"
    if meaning == "linear":
        return True
    if meaning == expected:
        return False
    raise ExportError(
        f"`model` must end in the activation {expected} or linear for an output of {units} "
        f"unit(s). Received: {describe_last(model)}. If the outputs are "
        "logits, pass from_logits=True; if they are probabilities, pass from_logits=False"
    )


def _last_operation(model: keras.Model) -> Any:
    """Return the operation whose activation decides; look into nested models and wrappers."""
    operation, given = model, None
    while True:
        if isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
            operation, given = _maker(operation.outputs[0])
        elif (inner := _wrapped(operation, given)) is not None:
            operation, given = inner
        else:
            return operation


def _maker(tensor: Any) -> tuple[Any, Any]:
    """Return the maker of a tensor and its one input, skipping operations that keep the meaning."""
    while True:
        call = call_of(tensor)
        given = call.inputs[0] if len(call.inputs) == 1 else None
        if given is None or not _keeps_meaning(call.operation, given, tensor):
            return call.operation, given
        tensor = given


def _keeps_meaning(operation: Any, given: Any, output: Any) -> bool:
    if isinstance(operation, keras.layers.Activation):
        return operation.activation is keras.activations.linear
    if kind_of(operation) in _IDENTITIES:
        return True
    if isinstance(operation, _MEANS):
        return operation.data_format == "channels_last"
    return type(operation).__name__ in _RESHAPES and given.shape[-1] == output.shape[-1]


# In inference, these return their input, its mean over positions, or parts in another shape.
_IDENTITIES = (Kind.IDENTITY, Kind.DROPOUT, Kind.NOISE)
_MEANS = (
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
)
_RESHAPES = ("Flatten", "Reshape", "Squeeze", "GetItem")  # layers, and operations of keras.ops


def _wrapped(operation: Any, given: Any) -> tuple[Any, Any] | None:
    """Return the inner layer and its input, if a wrapper computes the same as its layer."""
    inner = getattr(operation, "layer", None)
    if given is None or not isinstance(inner, keras.Layer):
        return None
    if isinstance(operation, keras.layers.TimeDistributed):
        return inner, keras.KerasTensor((given.shape[0], *given.shape[2:]), given.dtype)
    return (inner, given) if _answers_as(operation, inner, given) else None


def _answers_as(wrapper: keras.Layer, inner: keras.Layer, given: Any) -> bool:
    """Return whether both give the same outputs for random inputs."""
    if not keras.backend.is_float_dtype(given.dtype):
        return False
    sizes = (_ROWS, *(size or _UNKNOWN_SIZE for size in given.shape[1:]))
    x = keras.ops.cast(np.random.default_rng(0).normal(size=sizes), given.dtype)
    with keras.StatelessScope():  # no variable of the model is changed
        outputs = [infer(layer, x) for layer in (wrapper, inner)]
    a, b = (np.asarray(keras.ops.cast(output, "float32")) for output in outputs)
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-2, atol=1e-3, equal_nan=True)
