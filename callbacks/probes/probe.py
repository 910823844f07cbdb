"""`Probe`: the base of callbacks that measure a model on fixed data."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ...core.checks import check_integer, message
from ..fit_data import as_array
from ..training_hook import check_backend


class Probe(keras.callbacks.Callback):
    """The base of callbacks that measure the model on fixed data every few epochs.

    Arguments, errors and attributes are as in `GradientNorms`.
    """

    def __init__(self, data: tuple[Any, ...], *, every: int = 1):
        super().__init__()
        if not isinstance(data, tuple) or len(data) not in (2, 3) or data[0] is None:
            raise ValueError(message("data", data, "a tuple (x, y) or (x, y, sample_weight)"))
        check_integer("every", every, minimum=1)
        self.data = keras.tree.map_structure(_array, (*data, None)[:3])
        self.every = every
        self.values: dict[str, float] = {}
        self._functions: dict[str, Callable[..., Any]] = {}

    def measure(self) -> dict[str, float]:
        """Return the values of the current model by their names in the logs."""
        raise NotImplementedError

    def set_model(self, model):
        super().set_model(model)
        self._functions = {}

    def on_train_begin(self, logs=None):
        check_model(self.model, type(self).__name__)
        self.values = {}

    def on_epoch_end(self, epoch, logs=None):
        if not self.values or epoch % self.every == 0:
            self.values = self.measure()
        if logs is not None:
            logs.update(self.values)

    def on_train_end(self, logs=None):
        self._functions = {}  # graphs are large

    def get_state(self) -> dict[str, Any]:
        return {"values": self.values}

    def set_state(self, state: dict[str, Any]) -> None:
        self.values = state["values"]

    def __getstate__(self):
        return {**vars(self), "_functions": {}}  # compiled functions cannot be copied

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the compiled `function(weights, others, batch, *arguments)` with tensors."""
        name = function.__name__
        if name not in self._functions:
            self._functions[name] = compiled(self.model, function)
        weights = [ops.convert_to_tensor(v.value) for v in self.model.trainable_variables]
        others = [ops.convert_to_tensor(v.value) for v in other_variables(self.model)]
        return self._functions[name](weights, others, self.data, *arguments)

    def call_scaled(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return `call(function, *arguments, scale)` at a loss scale without overflow.

        The optimizer's scale keeps gradients in half precision above 0; decrease it until all
        values are finite.
        """
        optimizer = self.model.optimizer
        scale = ops.ones(()) if optimizer is None else optimizer.scale_loss(ops.ones(()))
        while True:
            values = self.call(function, *arguments, scale)
            if float(scale) <= 1 or all(
                bool(ops.all(ops.isfinite(v))) for v in keras.tree.flatten(values)
            ):
                return values
            scale = ops.maximum(scale / 16, 1.0)


def _array(values: Any) -> Any:
    """Return an array, with floats in the default precision, as in `fit`."""
    array = as_array(values)
    floats = isinstance(array, np.ndarray) and array.dtype.kind == "f"
    return array.astype(keras.config.floatx()) if floats else array


def losses(
    model: keras.Model, weights: Sequence[Any], others: Sequence[Any], batch: tuple[Any, Any, Any]
) -> tuple[Any, ...]:
    """Return `(data_loss,)` or `(data_loss, penalty)` at the given weights, in inference mode.

    The variables of the model are neither read nor assigned. `weights` are the values of
    `model.trainable_variables`, and `others` those of `other_variables(model)`.
    """
    x, y, sample_weight = batch
    variables = [*model.trainable_variables, *other_variables(model)]
    state = zip(variables, [*weights, *others], strict=True)
    mode = {"training": False} if model._call_has_training_arg else {}
    with keras.StatelessScope([*state], collect_losses=True):
        data_loss = model._compile_loss(y, model(x, **mode), sample_weight)
        penalties: list[Any] = [ops.sum(ops.cast(each, "float32")) for each in model.losses]
    parts = [[data_loss], penalties] if penalties else [[data_loss]]
    return tuple(ops.cast(sum(part[1:], start=part[0]), "float32") for part in parts)


def value_and_gradients(
    function: Callable[[list[Any]], tuple[Any, ...]], weights: Sequence[Any], scale: Any = 1.0
) -> tuple[tuple[Any, ...], list[list[Any]]]:
    """Return the scalars of a function of the weights and the gradient of each.

    `scale` multiplies the gradients during the backward pass only, for half precision.
    """
    jax = keras.backend.backend() == "jax"
    backend_gradients = _jax_gradients if jax else _tensorflow_gradients
    values, gradients = backend_gradients(function, [*weights], scale)
    return values, [[ops.cast(g, "float32") / scale for g in each] for each in gradients]


def _jax_gradients(function: Any, weights: list[Any], scale: Any) -> tuple[Any, list[Any]]:
    import jax  # an optional extra, needed on its own backend only

    values, pull = jax.vjp(function, weights)
    units = [
        tuple(ops.cast(scale if i == j else 0.0, v.dtype) for j, v in enumerate(values))
        for i in range(len(values))
    ]
    return values, [pull(unit)[0] for unit in units]


def _tensorflow_gradients(function: Any, weights: list[Any], scale: Any) -> tuple[Any, list[Any]]:
    import tensorflow as tf

    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(weights)
        values = function(weights)
    gradients = [
        tape.gradient(
            value,
            weights,
            output_gradients=tf.cast(scale, value.dtype),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        for value in values
    ]
    # The gradient of an embedding is sparse.
    return values, [[tf.convert_to_tensor(g) for g in each] for each in gradients]


def compiled(model: keras.Model, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a compiled `function`, unless the model runs eagerly."""
    if model.run_eagerly:
        return function
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, autograph=False)


def other_variables(model: keras.Model) -> list[Any]:
    """Return the untrained variables that a loss may read, metrics included."""
    return [*model.non_trainable_variables, *model.metrics_variables]


def check_model(model: keras.Model, name: str) -> None:
    """Raise an error that names the callback if `losses` does not apply to the model."""
    check_backend(name)
    if type(model).compute_loss is not keras.Model.compute_loss:
        raise ValueError(
            f"{name} needs the compiled loss, but {type(model).__name__} overrides `compute_loss`. "
            f"Received: model={model.name!r}"
        )
    if getattr(model, "_compile_loss", None) is None:
        raise ValueError(f"{name} needs a model compiled with a loss. Received: {model.name!r}")
