"""`Probe`: the base of callbacks that measure a model on given data, with its gradients."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ...core.checks import check_integer
from ..fit_data import as_array


class Probe(keras.callbacks.Callback):
    """Measure the model on given data at the end of every `every`-th epoch, and log the values.

    The first epoch is measured, too. The epochs in between log the last values again, so that each
    epoch has all names. A subclass defines `measure()`.

    Args:
        data: `(x, y)` or `(x, y, sample_weight)`, arrays or structures of arrays, used as one
            batch.
        every: The number of epochs from one measurement to the next.

    Raises:
        ValueError: If an argument is invalid, or if the model is not compiled with a loss or
            overrides `compute_loss` when training begins.
        RuntimeError: If the backend is neither TensorFlow nor JAX.

    Attributes:
        values: The last measured values by name.
    """

    def __init__(self, data: tuple[Any, ...], *, every: int = 1):
        super().__init__()
        if not isinstance(data, tuple) or len(data) not in (2, 3) or data[0] is None:
            raise ValueError(
                f"{type(self).__name__}: `data` must be a tuple of arrays, (x, y) or "
                f"(x, y, sample_weight). Received: {_described(data)}"
            )
        check_integer("every", every, minimum=1)
        x, y, sample_weight = (*data, None)[:3]
        self.data = keras.tree.map_structure(_array, (x, y, sample_weight))
        self.every = every
        self.values: dict[str, float] = {}
        self._functions: dict[str, Callable[..., Any]] = {}

    def measure(self) -> dict[str, float]:
        """Return the values of the current model by the names to log them under."""
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
        """Return the state for a resumed training."""
        return {"values": self.values}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` returned."""
        self.values = state["values"]

    def __getstate__(self):
        return {**vars(self), "_functions": {}}  # compiled functions cannot be copied

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call `function(weights, others, batch, *arguments)` at the current weights, compiled.

        The weights are tensors, copies that the function may change.
        """
        name = function.__name__
        if name not in self._functions:
            self._functions[name] = compiled(self.model, function)
        weights = [ops.convert_to_tensor(v.value) for v in self.model.trainable_variables]
        others = [ops.convert_to_tensor(v.value) for v in other_variables(self.model)]
        return self._functions[name](weights, others, self.data, *arguments)

    def call_scaled(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return `call(function, *arguments, scale)` with a loss scale at which nothing overflows.

        The optimizer's scale keeps gradients in half precision above 0, but may be too large for
        some of them. So smaller scales are tried until all values are finite.
        """
        optimizer = self.model.optimizer
        scale = ops.ones(()) if optimizer is None else optimizer.scale_loss(ops.ones(()))
        while True:
            values = self.call(function, *arguments, scale)
            if float(scale) <= 1 or all(map(_is_finite, keras.tree.flatten(values))):
                return values
            scale = ops.maximum(scale / 16, 1.0)


def _is_finite(values: Any) -> bool:
    return bool(ops.all(ops.isfinite(values)))


def _array(values: Any) -> Any:
    array = as_array(values)
    # As `fit` does with what it is given.
    floats = isinstance(array, np.ndarray) and array.dtype.kind == "f"
    return array.astype(keras.config.floatx()) if floats else array


def _described(data: Any) -> str:
    kind = type(data).__name__
    return f"{kind} of {len(data)}" if isinstance(data, tuple | list | dict) else kind


def losses(
    model: keras.Model, weights: Sequence[Any], others: Sequence[Any], batch: tuple[Any, Any, Any]
) -> tuple[Any, ...]:
    """Return the parts of the model's loss at any weights, in inference mode.

        loss(w) = data_loss(w) + penalty(w)

    The variables of the model are neither read nor assigned.

    Args:
        model: A built model that is compiled with a loss.
        weights: The values of `model.trainable_variables`.
        others: The values of `other_variables(model)`.
        batch: x, y and sample weights (or `None`), as tensors or arrays.

    Returns:
        `(data_loss,)`, or `(data_loss, penalty)` if the model has penalties: scalars of float32.
    """
    x, y, sample_weight = batch
    variables = [*model.trainable_variables, *other_variables(model)]
    state = zip(variables, [*weights, *others], strict=True)
    given = {"training": False} if model._call_has_training_arg else {}
    with keras.StatelessScope([*state], collect_losses=True):
        data_loss = model._compile_loss(y, model(x, **given), sample_weight)
        penalties: list[Any] = [ops.sum(ops.cast(each, "float32")) for each in model.losses]
    parts = [[data_loss], penalties] if penalties else [[data_loss]]
    return tuple(ops.cast(sum(part[1:], start=part[0]), "float32") for part in parts)


def value_and_gradients(
    function: Callable[[list[Any]], tuple[Any, ...]], weights: Sequence[Any], scale: Any = 1.0
) -> tuple[tuple[Any, ...], list[list[Any]]]:
    """Return scalars and the gradient of each, with one backward pass per scalar.

    Args:
        function: A function from a list of tensors to a tuple of scalars.
        weights: The tensors.
        scale: A factor of the gradients during the backward pass, for half precision. They are
            divided by it at the end.

    >>> _, [[gradient]] = value_and_gradients(lambda w: (w[0] * w[0],), [ops.ones(())])
    >>> float(gradient)
    2.0
    """
    jax = keras.backend.backend() == "jax"
    pull = _jax_gradients if jax else _tensorflow_gradients
    values, gradients = pull(function, [*weights], scale)
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
    """Return `function` as a graph or a compiled function, unless the model runs eagerly.

    All that it reads of the model must be an argument: JAX compiles anything else as a constant.
    """
    if model.run_eagerly:
        return function
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, autograph=False)


def other_variables(model: keras.Model) -> list[Any]:
    """Return the variables that a loss may read and that are not trained, metrics included."""
    return [*model.non_trainable_variables, *model.metrics_variables]


def check_model(model: keras.Model, name: str) -> None:
    """Raise an error that names the callback if `losses` does not apply to the model."""
    if keras.backend.backend() not in ("tensorflow", "jax"):
        raise RuntimeError(
            f"{name} needs the TensorFlow or the JAX backend. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    if type(model).compute_loss is not keras.Model.compute_loss:
        raise ValueError(
            f"{name} needs the loss that the model is compiled with, but "
            f"{type(model).__name__} defines a `compute_loss` of its own. "
            f"Received: model={model.name!r}"
        )
    if getattr(model, "_compile_loss", None) is None:
        raise ValueError(
            f"{name} needs a model that is compiled with a loss. Received: model={model.name!r}"
        )
