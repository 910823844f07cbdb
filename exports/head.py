"""The last step of a classifier: what its outputs mean, and the probabilities they stand for.

The last activation says it, and the loss that the model was compiled with must not contradict.
"""

import functools
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from .errors import ExportError
from .inference import infer

__all__ = [
    "check_from_logits",
    "check_loss",
    "logits",
    "means_logits",
    "output_units",
    "probabilities",
]

_TINY = float(np.finfo("float32").tiny)
_ROWS, _UNKNOWN_SIZE = 2, 16  # with which a wrapper is tried out

Meaning = Literal["softmax", "sigmoid", "linear"]
_MEANINGS: dict[Any, Meaning] = {
    keras.activations.softmax: "softmax",
    keras.activations.sigmoid: "sigmoid",
    keras.activations.linear: "linear",
}

_REGRESSION = "which is for regression"
_MARGINS = "which trains margins and not probabilities"
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
    keras.losses.poisson: "which is for the regression of counts",
    keras.losses.hinge: _MARGINS,
    keras.losses.squared_hinge: _MARGINS,
    keras.losses.categorical_hinge: _MARGINS,
    keras.losses.circle: "which trains embeddings",
    keras.losses.ctc: "which is for sequences",
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
_OF_PROBABILITIES = (*_EXCLUSIVE_CLASSES, *_LABEL_PER_UNIT, *_OVERLAP)  # or of logits, if told


class _Loss(NamedTuple):
    """A loss of Keras.

    Args:
        function: that computes it.
        from_logits: whether it takes the outputs for logits.
    """

    function: Callable[..., Any]
    from_logits: bool

    @property
    def name(self) -> str:
        """As in `keras.losses`."""
        return self.function.__name__


def check_loss(model: keras.Model, units: int) -> None:
    """Refuse a model whose compiled loss says that it is not a classifier of exclusive classes.

    Only the losses of Keras are known. A model that was not compiled, or with a loss of the user's
    own, is not contradicted.

    Args:
        model: any Keras model of one output.
        units: the size of the output's last axis.

    Raises:
        ExportError: the loss is for something else, or for another number of units.
    """
    for loss in _losses(model):
        why = _NOT_FOR_CLASSES.get(loss.function)
        if loss.function in _LABEL_PER_UNIT and units > 1:
            why = f"which trains each of the {units} outputs as a label of its own"
        if loss.function in _EXCLUSIVE_CLASSES and units == 1:
            why = "which learns nothing from one output, whose share of the sum is always 1"
        if why:
            raise ExportError(
                "Expected a classifier of exclusive classes. Received: "
                f"{model.name!r}, compiled with the loss {loss.name}, {why}; it would be served as "
                f"a classifier of {max(units, 2)} classes. Other tasks cannot be exported yet. If "
                "it is such a classifier all the same, compile it with its cross-entropy before, "
                "which changes no weight"
            )


def check_from_logits(
    model: keras.Model, units: int, from_logits: bool, given: bool | None
) -> None:
    """Refuse outputs that would be served as something else than the compiled loss trains them.

    Args:
        model: any Keras model of one output.
        units: the size of the output's last axis.
        from_logits: whether the outputs are to be served as logits.
        given: the same as the user said; None if the last activation said it.

    Raises:
        ExportError: the loss takes logits for probabilities or the reverse, or no loss of Keras
            and no `from_logits` tells whether one linear output is a logit or a quantity.
    """
    source = f"from_logits={given}" if given is not None else "the last activation"
    losses = [loss for loss in _losses(model) if loss.function in _OF_PROBABILITIES]
    for loss in losses:
        if loss.from_logits != from_logits:
            taken, served = "probabilities", "logits"
            if loss.from_logits:
                taken, served = served, taken
            raise ExportError(
                f"Expected outputs that are served as the compiled loss takes them, for {taken}. "
                f"Received: {model.name!r}, compiled with {loss.name} and "
                f"from_logits={loss.from_logits}; by {source} they would be served as {served}. "
                f"{_ADVICE[given is None, loss.from_logits]}"
            )
    if not losses and units == 1 and from_logits and given is None:
        raise ExportError(
            "Expected a model of which the loss tells what its one linear output is: a logit, or "
            f"a quantity, which cannot be exported yet. Received: {model.name!r}, compiled with no "
            "loss of Keras. If the output is the logit of the second of two classes, pass "
            "from_logits=True"
        )


_ADVICE = {  # by whether the activation says what is served, and whether the loss takes logits
    (True, False): "End the model with the activation that makes probabilities, or train it with "
    "from_logits=True",
    (True, True): "Compile it with from_logits=False: Keras' losses on TensorFlow look behind the "
    "activation; on other backends train it again",
    (False, False): "Pass from_logits=False, or compile it with the loss that it was trained with",
    (False, True): "Pass from_logits=True, or compile it with the loss that it was trained with",
}


def _losses(model: keras.Model) -> Iterator[_Loss]:
    """The losses of Keras that a model was compiled with; one output may have a list or a dict."""
    for given in keras.tree.flatten(getattr(model, "loss", None)):
        loss: Any = given
        from_logits = False
        if isinstance(given, str | type):
            try:
                loss = keras.losses.get(given)
            except ValueError:  # no loss of Keras
                continue
        while isinstance(loss, functools.partial):
            from_logits = from_logits or bool(loss.keywords.get("from_logits"))
            loss = loss.func
        function = loss.fn if isinstance(loss, _LOSS_OBJECT) else loss
        if not isinstance(function, Hashable):
            continue
        if function in _NOT_FOR_CLASSES or function in _OF_PROBABILITIES:
            yield _Loss(function, from_logits or bool(getattr(loss, "from_logits", False)))


def output_units(model: keras.Model, inputs: Any) -> int:
    """The size of the last axis of the model's one output.

    Args:
        model: any Keras model.
        inputs: its symbolic inputs, nested as it takes them.

    Raises:
        ExportError: it has several outputs, or one that is not of shape `(batch, classes)`.
    """
    if outputs := getattr(model, "outputs", None):
        output = outputs[0] if isinstance(model, keras.Sequential) else model.output
    else:
        output = model.compute_output_spec(inputs)
    shape = getattr(output, "shape", None)
    if shape is None or len(shape) != 2 or shape[-1] is None:
        received = keras.tree.map_structure(lambda tensor: tensor.shape, output)
        raise ExportError(
            "Expected a classifier with one output of shape (batch, classes). "
            f"Received: {model.name!r} with the output {received}"
        )
    return shape[-1]


def means_logits(model: keras.Model, units: int) -> bool:
    """Whether the model's outputs are logits, judged by its last activation.

    Softmax (or sigmoid on one unit) means probabilities, linear means logits. It is also found
    within wrappers that answer as their layer does, such as `SpectralNormalization`.

    Args:
        model: any Keras model.
        units: the size of its output's last axis.

    Raises:
        ExportError: the last activation is another one, or the model is subclassed, so that it
            cannot be seen.
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
    raise ExportError(
        f"Expected a last layer with the activation {'sigmoid' if units == 1 else 'softmax'} "
        f"(probabilities) or linear (logits) for an output of {units} unit(s). Received: "
        f"{_described(last)}. If the outputs are logits, pass from_logits=True; "
        "if they are the probabilities of exclusive classes, pass from_logits=False"
    )


def probabilities(outputs: tf.Tensor, from_logits: bool, temperature: float = 1.0) -> tf.Tensor:
    """`(n, classes)` float32 probabilities from outputs of shape `(n, units)`.

    One unit stands for two classes: `(1 - p, p)`. The outputs are cast before the softmax, so that
    a model in half precision gives probabilities in float32.
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
    """`(n, classes)` float32 numbers whose softmax are the probabilities.

    Of a model that gives probabilities it is their logarithm, that of 0 taken at float32's smallest
    normal number. One unit stands for two classes: `(0, z)`, or `(log(1 - p), log(p))`.
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
    """The operation whose activation says what the output means.

    It is looked for within nested models and wrapped layers, and before what keeps the meaning.
    """
    operation, given = model, None
    while True:
        if isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
            operation, given = _maker(operation.outputs[0])
        elif (inner := _wrapped(operation, given)) is not None:
            operation, given = inner
        else:
            return operation


def _maker(tensor: Any) -> tuple[Any, Any]:
    """What makes a symbolic tensor, or one of the same meaning, and its input if it has one."""
    while True:
        history = tensor._keras_history
        inputs = history.operation._inbound_nodes[history.node_index].input_tensors
        given = inputs[0] if len(inputs) == 1 else None
        if given is None or not _keeps_meaning(history.operation, given, tensor):
            return history.operation, given
        tensor = given


def _keeps_meaning(operation: Any, given: Any, output: Any) -> bool:
    """Whether probabilities stay probabilities, and logits logits."""
    if isinstance(operation, keras.layers.Activation):
        return operation.activation is keras.activations.linear
    if isinstance(operation, _ALIKE):
        return True
    if isinstance(operation, _MEANS):
        return operation.data_format == "channels_last"
    return type(operation).__name__ in _RESHAPES and given.shape[-1] == output.shape[-1]


# In inference they return their input, or the mean over all places, or some of it in another shape.
_ALIKE = (
    keras.layers.Identity,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianNoise,
    keras.layers.ActivityRegularization,
)
_MEANS = (
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
)
_RESHAPES = ("Flatten", "Reshape", "Squeeze", "GetItem")  # layers, and operations of keras.ops


def _wrapped(operation: Any, given: Any) -> tuple[Any, Any] | None:
    """The layer inside a wrapper that answers as that layer does, and the layer's input."""
    inner = getattr(operation, "layer", None)
    if given is None or not isinstance(inner, keras.Layer):
        return None
    if isinstance(operation, keras.layers.TimeDistributed):
        return inner, keras.KerasTensor((given.shape[0], *given.shape[2:]), given.dtype)
    return (inner, given) if _answers_as(operation, inner, given) else None


def _answers_as(wrapper: keras.Layer, inner: keras.Layer, given: Any) -> bool:
    """Tried out on random numbers, since a wrapper may do anything with what its layer returns."""
    if not keras.backend.is_float_dtype(given.dtype):
        return False
    sizes = (_ROWS, *(size or _UNKNOWN_SIZE for size in given.shape[1:]))
    x = keras.ops.cast(np.random.default_rng(0).normal(size=sizes), given.dtype)
    with keras.StatelessScope():  # no variable of the model is changed
        outputs = [infer(layer, x) for layer in (wrapper, inner)]
    a, b = (np.asarray(keras.ops.cast(output, "float32")) for output in outputs)
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-2, atol=1e-3, equal_nan=True)


def _described(operation: Any) -> str:
    if isinstance(operation, keras.Model):
        return f"the subclassed {type(operation).__name__} {operation.name!r}, which shows no layer"
    activation = getattr(operation, "activation", None)
    name = getattr(activation, "__name__", None) or "no activation"
    return f"{type(operation).__name__} {operation.name!r} with {name}"
