"""`Schedule`: a strength that changes during training without a retrace."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from ...core.checks import check_one_of
from ..schedules import points
from .live import Live, Target, find_live, is_function


class Schedule(keras.callbacks.Callback):
    """Set a strength to a function of the epoch (or step), and log it as `rates/<name>`.

        attribute <- function(epoch),    epoch = 0, 1, ...

    For any strength that is a scalar variable behind an attribute: rates of dropout and drop-path,
    the strengths of penalties, alpha of mixing, label smoothing, `learning_rate` and `weight_decay`
    of any Keras optimizer. A changed variable takes effect at once and traces nothing again. What
    is no variable (the `rate` of Keras' own `Dropout`, the `l2` of Keras' regularizers) is baked
    into the graph when it is traced, and refused.

    On JAX, a variable that neither model, optimizer nor layer tracks (a regularizer's strength, an
    optimizer's weight decay) is a constant of the compiled step: there each change compiles the
    step anew, so that it takes effect as well, and `by="step"` is refused.

    The function's value stands from the beginning of an epoch or step on; the object keeps the
    last one after training. With `steps_per_execution` > 1 the first step of an execution counts
    for all of it. Batches that a data pipeline has prepared in advance are of the value before. Its
    order among callbacks does not matter.

    Args:
        target: The object with the attribute (a layer, also one of the data pipeline, a
            regularizer, the optimizer, ...), a scalar `keras.Variable`, or a list of these; a
            pattern as in `fnmatch` for the paths of the model's layers; or a function of the model
            that returns one of these. Patterns and functions are looked up when training begins, so
            they also serve models that are made later.
        function_or_points: A function of the number of the epoch or step, from 0, such as those of
            `callbacks.schedules`; or a list of pairs (number, value), linear in between.
        attribute: The name of the attribute, or a path such as `kernel_regularizer.l2`. It may be
            omitted if the object has exactly one live attribute.
        by: "epoch" or "step".
        name: The name of the logged value, by default that of the attribute.

    Raises:
        ValueError: If an argument is invalid, the attribute is not live, a pattern matches no
            layer, a value is not a finite number, or another callback logs the same name. Objects
            that are given directly are checked at once, the others when training begins.

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
        super().__init__()
        check_one_of("by", by, ("epoch", "step"))
        self.target = target
        self.function = (
            function_or_points if callable(function_or_points) else points(function_or_points)
        )
        self.attribute = attribute
        self.by = by
        self.name = name
        self.async_safe = by == "epoch"  # then the hooks of batches do nothing
        self._live: list[Live] = []
        self._value = 0.0
        self._step: int | None = None
        check_owners(target, attribute)

    def on_train_begin(self, logs=None):
        self._step = None
        self._live = find_live(self.target, self.attribute, self.model)
        untracked = [live.name for live in self._live if not live.tracked]
        if self.by == "step" and untracked and keras.backend.backend() == "jax":
            raise ValueError(
                "Schedule: on JAX each change of a variable that nothing tracks compiles the step "
                f"anew: by='epoch' only. Received: by='step' for `{untracked[0]}`"
            )

    def on_epoch_begin(self, epoch, logs=None):
        if self.by == "epoch":
            self._assign(epoch)
        elif self._step is None:
            self._step = self._first_step(epoch)

    def _first_step(self, epoch):
        if epoch and self.params["steps"] is None:
            raise ValueError(
                "Schedule: how many steps were before is unknown, for the data has no known size: "
                f"give `steps_per_epoch`. Received: initial_epoch={epoch}"
            )
        return epoch * (self.params["steps"] or 0)

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
                f"Schedule: the function must return a finite number. Received: {value!r} for "
                f"{self.by} {time}"
            )
        self._value = float(value)
        _ = self.model  # on JAX this hands the state back to the variables, and they are read anew
        for live in self._live:
            live.assign(self._value)

    def on_epoch_end(self, epoch, logs=None):
        log_rates(logs, self.name or self._live[0].name, [self._value])

    def get_state(self) -> dict[str, Any]:
        """Return the state for a resumed training."""
        return {"step": self._step}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` returned."""
        self._step = state["step"]

    def __deepcopy__(self, memo):
        copy = type(self).__new__(type(self))  # has the same targets, and no model yet
        vars(copy).update(vars(self), _model=None, _live=[])
        return copy


def check_owners(target: Target, attribute: str | None) -> None:
    """Raise a `ValueError` if an object in `target` that is given directly is not live."""
    if isinstance(target, list | tuple):
        for each in target:
            check_owners(each, attribute)
    elif not isinstance(target, str) and not is_function(target):
        Live(target, attribute)


def log_rates(logs: Any, name: str, values: Sequence[float]) -> None:
    """Add `rates/<name>` to `logs`, or `rates/<name>/<number>` for several values.

    Raises:
        ValueError: If the name is already in `logs`.
    """
    for number, value in enumerate(values):
        key = f"rates/{name}" if len(values) == 1 else f"rates/{name}/{number}"
        if key in logs:
            raise ValueError(
                f"{key} is logged already: give each callback a `name` of its own. "
                f"Received: name={name!r}"
            )
        logs[key] = float(value)
