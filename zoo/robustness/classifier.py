"""`Classifier`: the logits of a Keras model and their gradients, as the attacks see them."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...core.checks import message
from ...exports.heads.activation import describe_last, last_activation
from ...exports.inference import infer
from ..training.run import Run, model_of

_BATCH = 512  # samples a call; the results do not depend on it, beyond rounding
_TINY = 1e-12  # as in the reference implementation of AutoAttack


class Classifier:
    """A Keras model that returns logits, with compiled functions for its losses and gradients.

    Each function is traced once, for batches of any size, and runs the model with
    `training=False`. All methods take and return NumPy arrays.

    Args:
        model: A model with one float input `(batch, ...)` and one output `(batch, classes)`, or a
            finished run with such a model.

    Raises:
        TypeError: If `model` is neither a Keras model nor a run.
        ValueError: If it has another input or output, or returns probabilities.
        RuntimeError: If the backend is not TensorFlow.

    Attributes:
        classes: The number of classes.
    """

    def __init__(self, model: keras.Model | Run):
        model = model_of(model)
        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(
                "Attacks need the gradients of TensorFlow. "
                f"Received: the backend {keras.backend.backend()!r}"
            )
        inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
        if not inputs or not outputs or len(inputs) != 1 or len(outputs) != 1:
            expected = "a functional or Sequential model with one input and one output"
            raise ValueError(message("model", model.name, expected))
        if not keras.backend.is_float_dtype(inputs[0].dtype):
            expected = "a model of float features, which can be changed by small amounts"
            raise ValueError(message("model", f"{model.name} of {inputs[0].dtype}", expected))
        units = outputs[0].shape[-1]
        if len(outputs[0].shape) != 2 or units is None or units < 2:
            expected = "a classifier with the output (batch, classes) and at least 2 classes"
            received = f"{model.name!r} with the output {tuple(outputs[0].shape)}"
            raise ValueError(f"`model` must be {expected}. Received: {received}")
        if last_activation(model) in ("softmax", "sigmoid"):
            raise _returns_probabilities(model, describe_last(model))
        self.model = model
        self.classes: int = units
        self.input_shape = tuple(inputs[0].shape[1:])
        self._functions: dict[str, Callable[..., Any]] = {}

    @classmethod
    def of(cls, model: "keras.Model | Run | Classifier") -> "Classifier":
        """Return a model as a classifier; one that is a classifier already is not compiled anew."""
        return model if isinstance(model, Classifier) else cls(model)

    def check(self, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return samples `(n, ...)` as float32 and class ids `(n,)` as int32.

        Raises:
            ValueError: If they do not fit the model, or its outputs for them are probabilities.
        """
        x, y = np.asarray(x), np.asarray(y)
        fits = x.ndim == len(self.input_shape) + 1 and all(
            size in (None, given) for size, given in zip(self.input_shape, x.shape[1:], strict=True)
        )
        if not fits or not len(x):
            expected = f"at least one sample of the shape {self.input_shape}"
            raise ValueError(message("x", x.shape, expected))
        if x.dtype.kind not in "biuf":
            raise ValueError(message("x", x, "finite numbers"))
        x = x.astype("float32")
        if not np.isfinite(x).all():
            raise ValueError(message("x", x, "finite numbers"))
        if y.shape != (len(x),) or y.dtype.kind not in "iu":
            expected = f"integer class ids of shape ({len(x)},)"
            raise ValueError(message("y", f"{y.dtype} of {y.shape}", expected))
        if y.min() < 0 or y.max() >= self.classes:
            expected = f"class ids from 0 to {self.classes - 1}"
            raise ValueError(message("y", (int(y.min()), int(y.max())), expected))
        z = self.logits(x)
        if not np.isfinite(z).all():
            raise ValueError("`model` must return finite logits for `x`. Received: NaN or infinity")
        others = np.random.default_rng(0).normal(size=x.shape).astype("float32")
        # The logits of a few samples may sum to 1 by chance, but not those of random inputs, too.
        if _sum_to_one(z) and _sum_to_one(self.logits(others)):
            raise _returns_probabilities(self.model, "rows that sum to 1")
        return x, y.astype("int32")

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Return the logits `(n, classes)`."""
        return self._batched("logits", lambda x: (self._logits(x),), x)[0]

    def is_right(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return whether the largest logit is that of the class, bool `(n,)`."""
        return self.logits(x).argmax(axis=1) == y

    def gradient(
        self, loss: str, x: np.ndarray, y: np.ndarray, target: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return logits `(n, classes)`, losses `(n,)` and their gradients in the inputs.

        Args:
            loss: A name in `LOSSES`.
            target: Another class of each sample `(n,)`, for the losses that need one.
        """
        function = LOSSES[loss]

        def compute(x: Any, y: Any, target: Any) -> tuple[Any, Any, Any]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                z = self._logits(x)
                losses = function(z, y, target)
            # A model that does not depend on x has the gradient 0.
            zero = tf.UnconnectedGradients.ZERO
            return z, losses, tape.gradient(losses, x, unconnected_gradients=zero)

        z, losses, gradients = self._batched(loss, compute, x, y, y if target is None else target)
        return z, losses, np.nan_to_num(gradients, posinf=0.0, neginf=0.0)

    def _logits(self, x: Any) -> Any:
        return tf.cast(infer(self.model, x), "float32")

    def _batched(self, name: str, function: Callable[..., Any], *arrays: np.ndarray) -> list[Any]:
        if name not in self._functions:
            shape = (None, *self.input_shape)
            specs = [tf.TensorSpec(shape, "float32"), *[tf.TensorSpec((None,), "int32")] * 2]
            traced = tf.function(function, autograph=False)
            # A concrete function is never traced again, nor counted with those of other models.
            self._functions[name] = traced.get_concrete_function(*specs[: len(arrays)])
        starts = range(0, len(arrays[0]), _BATCH)
        parts = [
            self._functions[name](*(tf.constant(a[s : s + _BATCH]) for a in arrays)) for s in starts
        ]
        return [np.concatenate([np.asarray(p) for p in part]) for part in zip(*parts, strict=True)]


def _sum_to_one(outputs: np.ndarray) -> bool:
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-5))


def _returns_probabilities(model: keras.Model, found: str) -> ValueError:
    return ValueError(
        "`model` must return logits: the gradients of probabilities vanish where the model is "
        f"sure, which hides attacks. Received: {model.name!r} with {found}. Set the activation of "
        "the last layer to linear, `model.layers[-1].activation = keras.activations.linear`, or "
        "build a model that ends before its Softmax layer"
    )


def _crossentropy(z: Any, y: Any, target: Any) -> Any:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(y, z)


def _dlr(z: Any, y: Any, target: Any) -> Any:
    own = tf.gather(z, y, batch_dims=1)
    top = tf.math.top_k(z, 3).values
    other = tf.where(tf.argmax(z, axis=1, output_type="int32") == y, top[:, 1], top[:, 0])
    return (other - own) / (top[:, 0] - top[:, 2] + _TINY)


def _targeted_dlr(z: Any, y: Any, target: Any) -> Any:
    top = tf.math.top_k(z, 4).values
    return _difference(z, y, target) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + _TINY)


def _difference(z: Any, y: Any, target: Any) -> Any:
    return tf.gather(z, target, batch_dims=1) - tf.gather(z, y, batch_dims=1)


# What attacks maximize, as functions of the logits, the class and another class of each sample.
LOSSES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "ce": _crossentropy,
    "dlr": _dlr,
    "dlr-targeted": _targeted_dlr,
    "difference": _difference,
}
