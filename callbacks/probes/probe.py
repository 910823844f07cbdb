"""`Probe`: what callbacks that measure a model on data of their own have in common."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from ..fit_data import as_array
from .gradients import check_model, compiled, other_variables

__all__ = ["Probe"]


class Probe(keras.callbacks.Callback):
    """Measures the model on given data at the end of every `every`-th epoch, and logs it.

    The first epoch is measured, too, and in the epochs between, the last values are logged again:
    each epoch has all the names. A subclass defines `measure()`, which returns them.

    Args:
        data: `(x, y)` or `(x, y, sample_weight)`, arrays or structures of arrays; one batch, used
            whole.
        every: epochs from one measurement to the next.

    Raises:
        ValueError: `data` or `every` is none of that; or, when training begins, the model is not
            compiled with a loss or computes it in a method of its own.
        RuntimeError: Keras runs on neither TensorFlow nor JAX.

    Attributes:
        values: what was last measured, by name.
    """

    def __init__(self, data: tuple[Any, ...], *, every: int = 1):
        super().__init__()
        if not isinstance(data, tuple) or len(data) not in (2, 3) or data[0] is None:
            raise ValueError(
                f"{type(self).__name__}: `data` must be a tuple of arrays, (x, y) or "
                f"(x, y, sample_weight). Received: {_described(data)}"
            )
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            raise ValueError(
                f"{type(self).__name__}: `every` must be an integer >= 1. Received: every={every!r}"
            )
        x, y, sample_weight = (*data, None)[:3]
        self.data = keras.tree.map_structure(_array, (x, y, sample_weight))
        self.every = every
        self.values: dict[str, float] = {}
        self._functions: dict[str, Callable[..., Any]] = {}

    def measure(self) -> dict[str, float]:
        """The values of the model as it is now, by the names that they are logged under."""
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
        """What a resumed training needs to go on."""
        return {"values": self.values}

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`."""
        self.values = state["values"]

    def __getstate__(self):
        return {**vars(self), "_functions": {}}  # compiled functions cannot be copied

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function(weights, others, batch, *arguments)` at the model's variables, compiled once.

        The weights are tensors that the function may add to; the model's own are never moved.
        """
        name = function.__name__
        if name not in self._functions:
            self._functions[name] = compiled(self.model, function)
        weights = [ops.convert_to_tensor(v.value) for v in self.model.trainable_variables]
        others = [ops.convert_to_tensor(v.value) for v in other_variables(self.model)]
        return self._functions[name](weights, others, self.data, *arguments)

    def call_scaled(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return `call(function, *arguments, scale)`, at a loss scale that nothing overflows at.

        The optimizer's scale keeps gradients in half precision above 0. It may be too large for
        some of them, which the optimizer finds out in its next steps; here a smaller one is tried
        until all values are finite.
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
