"""`Schedule`: set a strength during training without a retrace."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from ...core.checks import check_one_of
from ..schedules import points
from .live import LiveCallback, Target


class Schedule(LiveCallback):
    """Set a strength to a function of the epoch (or step), and log it as `rates/<name>`.

        attribute <- function(epoch),    epoch = 0, 1, ...

    It sets any strength that is a scalar variable behind an attribute: rates of dropout and
    drop-path, strengths of penalties, alpha of mixing, label smoothing, `learning_rate` and
    `weight_decay` of any Keras optimizer. A change takes effect at once, without a retrace.
    Attributes that are baked into the graph (the `rate` of Keras' own `Dropout`, the `l2` of Keras'
    regularizers) raise an error.

    On JAX, a variable that neither model, optimizer nor layer tracks (a regularizer's strength, an
    optimizer's weight decay) is a constant of the compiled step. Each change compiles the step
    again, and `by="step"` raises an error.

    The value holds from the beginning of an epoch or step, and the object keeps the last one after
    training. With `steps_per_execution` > 1, the first step of an execution sets the value for all
    of it. Prefetched batches have the previous value.

    Args:
        target: The object with the attribute (a layer, also one of the data pipeline, a
            regularizer, the optimizer, ...), a scalar `keras.Variable`, or a list of these; a
            pattern as in `fnmatch` for the paths of the model's layers; or a function of the model
            that returns one of these. Patterns and functions are resolved when training begins.
        function_or_points: A function of the number of the epoch or step, from 0, as in
            `callbacks.schedules`; or a list of pairs (number, value), linear in between.
        attribute: The name of the attribute, or a path such as `kernel_regularizer.l2`. It may be
            omitted if the object has exactly one live attribute.
        by: "epoch" or "step".
        name: The name of the logged value, by default the attribute's.

    Raises:
        ValueError: If an argument is invalid, the attribute is not live, a pattern matches no
            layer, a value is not a finite number, or another callback logs the same name.

    Example: 20 epochs in which a rate rises from 0 (DropBlock's warm-up).

    >>> from occam.callbacks.schedules import linear
    >>> rate = keras.Variable(0.0, name="rate")  # in practice a layer, and attribute="rate"
    >>> schedule = Schedule(rate, linear(0.0, 0.1, 20))
    """

    def __init__(
        self,
        target: Target,
        function_or_points: Callable[[int], float] | Sequence[tuple[float, float]],
        *,
        attribute: str | None = None,
        by: str = "epoch",
        name: str | None = None,
    ):
        super().__init__(target, attribute, name)
        check_one_of("by", by, ("epoch", "step"))
        is_function = callable(function_or_points)
        self.function = function_or_points if is_function else points(function_or_points)
        self.by = by
        self.async_safe = by == "epoch"  # then the hooks of batches do nothing
        self._value = 0.0
        self._step: int | None = None

    def on_train_begin(self, logs=None):
        super().on_train_begin()
        self._step = None
        untracked = [live.name for live in self._live if not live.tracked]
        if self.by == "step" and untracked and keras.backend.backend() == "jax":
            raise ValueError(
                "`by` must be 'epoch' on JAX for a variable that no layer or optimizer tracks, "
                f"because each change compiles the step. Received: by='step' for `{untracked[0]}`"
            )

    def on_epoch_begin(self, epoch, logs=None):
        if self.by == "epoch":
            self._assign(epoch)
        elif self._step is None:
            steps = self.params["steps"]
            if epoch and steps is None:
                raise ValueError(
                    "`steps_per_epoch` must be given to resume a Schedule with data of unknown "
                    f"size. Received: initial_epoch={epoch}"
                )
            self._step = epoch * (steps or 0)

    def on_train_batch_begin(self, batch, logs=None):
        if self.by == "step":
            self._first = batch
            self._assign(self._step)

    def on_train_batch_end(self, batch, logs=None):
        if self.by == "step":
            self._step += batch - self._first + 1

    def _assign(self, time):
        value = self.function(time)
        if not isinstance(value, int | float | np.number) or not np.isfinite(value):
            raise ValueError(
                "The function of a Schedule must return a finite number. "
                f"Received: {value!r} for {self.by} {time}"
            )
        self._value = float(value)
        _ = self.model  # on JAX this writes the state back to the variables
        for live in self._live:
            live.assign(self._value)

    def on_epoch_end(self, epoch, logs=None):
        self._log_rates(logs, [self._value])

    def get_state(self) -> dict[str, Any]:
        return {"step": self._step}

    def set_state(self, state: dict[str, Any]) -> None:
        self._step = state["step"]
