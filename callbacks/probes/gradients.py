"""The data loss and the penalty of a model as functions of its weights, and their gradients."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

__all__ = ["check_model", "compiled", "losses", "other_variables", "value_and_gradients"]


def losses(
    model: keras.Model, weights: Sequence[Any], others: Sequence[Any], batch: tuple[Any, Any, Any]
) -> tuple[Any, ...]:
    """What the model's loss is made of, at any weights, in inference mode.

        loss(w) = data_loss(w) + penalty(w)

    Nothing is changed by it: the model's own variables are neither read nor assigned.

    Args:
        model: built, and compiled with a loss.
        weights: values of `model.trainable_variables`.
        others: values of `other_variables(model)`.
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
    """Scalars and the gradient of each: one forward pass, and one backward pass a scalar.

    Args:
        function: from a list of tensors to a tuple of scalars.
        weights: the tensors.
        scale: what the gradients are multiplied by on their way back and divided by at its end,
            for the sake of half precision.

    >>> _, [[gradient]] = value_and_gradients(lambda w: (w[0] * w[0],), [ops.ones(())])
    >>> float(gradient)
    2.0
    """
    jax = keras.backend.backend() == "jax"
    pull = _jax_gradients if jax else _tensorflow_gradients
    values, gradients = pull(function, [*weights], scale)
    return values, [[ops.cast(g, "float32") / scale for g in each] for each in gradients]


def _jax_gradients(function: Any, weights: list[Any], scale: Any) -> tuple[Any, list[Any]]:
    import jax  # an optional extra, and needed on its own backend only

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
    # An embedding's gradient is a sparse one.
    return values, [[tf.convert_to_tensor(g) for g in each] for each in gradients]


def compiled(model: keras.Model, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as one graph or one compiled function, unless the model is run eagerly.

    What it reads of the model has to be among its arguments: JAX compiles anything else as a
    constant.
    """
    if model.run_eagerly:
        return function
    if keras.backend.backend() == "jax":
        import jax  # as above

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, autograph=False)


def other_variables(model: keras.Model) -> list[Any]:
    """All variables that a loss may read and that are not trained, those of metrics included."""
    return [*model.non_trainable_variables, *model.metrics_variables]


def check_model(model: keras.Model, name: str) -> None:
    """Raises an error that names the callback if its losses cannot be computed by `losses`."""
    if keras.backend.backend() not in ("tensorflow", "jax"):
        raise RuntimeError(
            f"{name} computes gradients on TensorFlow and on JAX. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    if type(model).compute_loss is not keras.Model.compute_loss:
        raise ValueError(
            f"{name} computes the loss that the model is compiled with, and "
            f"{type(model).__name__} defines a `compute_loss` of its own. "
            f"Received: model={model.name!r}"
        )
    if getattr(model, "_compile_loss", None) is None:
        raise ValueError(
            f"{name} needs a model that is compiled with a loss. Received: model={model.name!r}"
        )
