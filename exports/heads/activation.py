"""The outputs of a classifier: logits or probabilities, by its last activation and its loss."""

import functools
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..core.layer_kinds import Kind, kind_of
from ..core.model_graph import call_of
from .errors import ExportError
from .inference import infer

_TINY = float(np.finfo("float32").tiny)
_ROWS, _UNKNOWN_SIZE = 2, 16  # of the random input for a wrapper

_MEANINGS: dict[Any, str] = {
    keras.activations.softmax: "softmax",
    keras.activations.sigmoid: "sigmoid",
    keras.activations.linear: "linear",
}

_REGRESSION = "a loss for regression"
_MARGINS = "a loss for margins, not probabilities"
# A loss object of Keras holds its function as `fn`; the class has no public name.
_LOSS_OBJECT: Any = keras.losses.MeanSquaredError.__base__
_NOT_FOR_CLASSES: dict[Callable[..., Any], str] = {
    keras.losses.mean_squared_error: _REGRESSION,
    keras.losses.mean_absolute_error: _REGRESSION,
    keras.losses.mean_absolute_percentage_error: _REGRESSION,
    keras.losses.mean_squared_logarithmic_error: _REGRESSION,
    keras.losses.cosine_similarity: _REGRESSION,
    keras.losses.huber: _REGRESSION,
    keras.losses.log_cosh: _REGRESSION,
    keras.losses.poisson: "a loss for the regression of counts",
    keras.losses.hinge: _MARGINS,
    keras.losses.squared_hinge: _MARGINS,
    keras.losses.categorical_hinge: _MARGINS,
    keras.losses.circle: "a loss for embeddings",
    keras.losses.ctc: "a loss for sequences",
}
_EXCLUSIVE_CLASSES = (
    keras.losses.categorical_crossentropy,
    keras.losses.sparse_categorical_crossentropy,
    keras.losses.categorical_focal_crossentropy,
    keras.losses.categorical_generalized_cross_entropy,
    keras.losses.kl_divergence,
)
_LABEL_PER_UNIT = (keras.losses.binary_crossentropy, keras.losses.binary_focal_crossentropy)
_OVERLAP = (keras.losses.dice, keras.losses.tversky)
# of probabilities, or of logits with from_logits=True
_OF_PROBABILITIES = (*_EXCLUSIVE_CLASSES, *_LABEL_PER_UNIT, *_OVERLAP)


def check_loss(model: keras.Model, units: int) -> None:
    """Raise an `ExportError` if the compiled Keras loss does not fit exclusive classes."""
    for loss, _ in _losses(model):
        kind = _NOT_FOR_CLASSES.get(loss)
        if loss in _LABEL_PER_UNIT and units > 1:
            kind = f"a loss for {units} independent labels"
        if loss in _EXCLUSIVE_CLASSES and units == 1:
            kind = "a loss that is constant for a single output"
        if kind:
            raise ExportError(
                f"`model` must be a classifier of exclusive classes. Received: {model.name!r}, "
                f"compiled with {loss.__name__}, {kind}. If it is a classifier of {max(units, 2)} "
                "classes, compile it with its cross-entropy; that changes no weight"
            )


def check_from_logits(
    model: keras.Model, units: int, from_logits: bool, given: bool | None
) -> None:
    """Raise an `ExportError` if the compiled loss contradicts `from_logits`, or decides nothing.

    `given` is the argument of the user; if it is None, the last activation decides.
    """
    losses = [pair for pair in _losses(model) if pair[0] in _OF_PROBABILITIES]
    for loss, takes_logits in losses:
        if takes_logits == from_logits:
            continue
        taken = "logits" if takes_logits else "probabilities"
        served = "logits" if from_logits else "probabilities"
        source = "the last activation gives"
        if given is not None:
            source = f"from_logits={given} means"
            advice = f"Pass from_logits={takes_logits}, or compile it with its training loss"
        elif takes_logits:
            advice = (
                "Compile it with from_logits=False: Keras' losses on TensorFlow look behind the "
                "activation; on other backends train it again"
            )
        else:
            advice = "End the model with a softmax or sigmoid, or train with from_logits=True"
        raise ExportError(
            f"`model` must return {taken}, as its compiled loss takes them. Received: "
            f"{model.name!r}, compiled with {loss.__name__}(from_logits={takes_logits}), "
            f"while {source} {served}. {advice}"
        )
    if not losses and units == 1 and from_logits and given is None:
        raise ExportError(
            "`from_logits` must be True or False if no Keras loss tells whether the one linear "
            f"output is a logit or a quantity. Received: {model.name!r} without either. If the "
            "output is the logit of the second of two classes, pass from_logits=True"
        )


def _losses(model: keras.Model) -> Iterator[tuple[Any, bool]]:
    """Yield the compiled losses of Keras: each function, and whether it takes logits."""
    for given in keras.tree.flatten(getattr(model, "loss", None)):
        loss: Any = given
        from_logits = False
        if isinstance(given, str | type):
            try:
                loss = keras.losses.get(given)
            except ValueError:  # not a loss of Keras
                continue
        while isinstance(loss, functools.partial):
            from_logits = from_logits or bool(loss.keywords.get("from_logits"))
            loss = loss.func
        function: Any = loss.fn if isinstance(loss, _LOSS_OBJECT) else loss
        if not isinstance(function, Hashable):
            continue
        if function in _NOT_FOR_CLASSES or function in _OF_PROBABILITIES:
            yield function, from_logits or bool(getattr(loss, "from_logits", False))


def output_units(model: keras.Model, inputs: Any) -> int:
    """Return the size of the last axis of the one output, given symbolic inputs."""
    if outputs := getattr(model, "outputs", None):
        output = outputs[0] if isinstance(model, keras.Sequential) else model.output
    else:
        output = model.compute_output_spec(inputs)
    shape = getattr(output, "shape", None)
    if shape is None or len(shape) != 2 or shape[-1] is None:
        received = keras.tree.map_structure(lambda tensor: tensor.shape, output)
        raise ExportError(
            "`model` must have one output of shape (batch, classes). "
            f"Received: {model.name!r} with the output {received}"
        )
    return shape[-1]


def means_logits(model: keras.Model, units: int) -> bool:
    """Return whether the model's outputs are logits, judged by its last activation.

    Softmax (or sigmoid on one unit) means probabilities, linear means logits, also within wrappers
    that answer as their layer does, such as `SpectralNormalization`. Other activations raise an
    `ExportError`, as do subclassed models, whose layers are hidden.
    """
    last = _last_operation(model)
    meaning = _MEANINGS.get(getattr(last, "activation", None))
    if isinstance(last, keras.layers.Softmax):
        meaning = "softmax"
    elif not isinstance(last, keras.Layer) and getattr(last, "axis", -1) == -1:  # of keras.ops
        meaning = {"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(type(last).__name__)
    if meaning == "linear":
        return True
    if meaning == ("sigmoid" if units == 1 else "softmax"):
        return False
    if isinstance(last, keras.Model):
        received = f"the subclassed {type(last).__name__} {last.name!r}, whose layers are hidden"
    else:
        activation = getattr(getattr(last, "activation", None), "__name__", "no activation")
        received = f"{type(last).__name__} {last.name!r} with {activation}"
    raise ExportError(
        f"`model` must end in the activation {'sigmoid' if units == 1 else 'softmax'} or linear "
        f"for an output of {units} unit(s). Received: {received}. If the outputs are "
        "logits, pass from_logits=True; if they are probabilities, pass from_logits=False"
    )


def probabilities(outputs: tf.Tensor, from_logits: bool, temperature: float = 1.0) -> tf.Tensor:
    """Return `(n, classes)` float32 probabilities from outputs of shape `(n, units)`.

    One unit stands for two classes: `(1 - p, p)`. Half precision is cast before the softmax.
    """
    if temperature != 1.0:
        return tf.nn.softmax(logits(outputs, from_logits, temperature))
    outputs = tf.cast(outputs, tf.float32)
    if outputs.shape[-1] == 1:
        both = [-outputs, outputs] if from_logits else [1 - outputs, outputs]
        outputs = tf.concat(both, axis=-1)
        return tf.sigmoid(outputs) if from_logits else outputs
    return tf.nn.softmax(outputs) if from_logits else outputs


def logits(outputs: tf.Tensor, from_logits: bool, temperature: float = 1.0) -> tf.Tensor:
    """Return `(n, classes)` float32 logits from outputs of shape `(n, units)`.

    The logits of probabilities are log(max(p, smallest normal float32)). One unit stands for two
    classes: `(0, z)`, or `(log(1 - p), log(p))`.
    """
    outputs = tf.cast(outputs, tf.float32)
    if not from_logits:
        both = outputs.shape[-1] == 1
        outputs = tf.concat([1 - outputs, outputs], axis=-1) if both else outputs
        outputs = tf.math.log(tf.maximum(outputs, _TINY))
    elif outputs.shape[-1] == 1:
        outputs = tf.concat([tf.zeros_like(outputs), outputs], axis=-1)
    return outputs if temperature == 1.0 else outputs / temperature


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
