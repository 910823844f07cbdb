"""`EarlyStopping`: stops at the right moment, says why, and leaves the best weights."""

import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import keras
from keras.src.utils.io_utils import print_msg  # as Keras' own callbacks print

from ..weight_copies import copies
from . import (
    BestWeights,
    Improvement,
    Panel,
    Watched,
    are_finite,
    make_criterion,
    make_smoothing,
)
from .monitors import missing, modes_of
from .wording import count

__all__ = ["EarlyStopping"]

# The state, but for that of the monitors and of the weights.
_STATE = ["best", "best_epoch", "wait", "stopped_epoch", "stop_reason"]
_STATE += ["_started", "_first_epoch", "_epochs", "_not_finite"]


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Stops when the monitored value has told enough, and goes back to the best epoch's weights.

    Takes the arguments of `keras.callbacks.EarlyStopping` in their order, and more. In the list of
    callbacks it belongs after those that log what it monitors (`LossLedger`) or that average
    weights (`WeightAverage`, `keras.callbacks.SwapEMAWeights`), and before `BackupAndRestore`,
    which saves and restores its state.

    The weights that it leaves are those with which `fit` would have ended if the best epoch had
    been the last: with an optimizer that has `use_ema`, the averaged ones. To have them validated,
    too, give `keras.callbacks.SwapEMAWeights(swap_on_epoch=True)` before it.

    An epoch in which a monitored value, or a weight of the model, is NaN or infinite is never the
    best one.

    Args:
        monitor: a name in the logs; or a list of names, or a dict from names to modes, to stop when
            the criterion is met for all of them. The first one decides which epoch is the best.
            By default `val_data_loss`, which a `LossLedger` logs under the `class_weight` of
            `fit`, or, where that is not logged, `val_loss`, with a warning if the model has
            penalties.
        min_delta: what an improvement has to exceed, as a number, or relative to the best value as
            in "1%".
        patience: stops after so many epochs without an improvement, the count that
            `ReduceLROnPlateau` has; 0 is as 1. Epochs without validation are not counted.
        verbose: 1 prints one line at the end of a training that was stopped, or whose last epoch
            was not the best; 0 prints nothing.
        mode: "min", "max" or "auto", which knows losses, gaps, penalties and the metrics of the
            model.
        baseline: an improvement resets the patience only if the value is better than this.
        restore_best_weights: whether the model is left with the weights of the best epoch, also
            after the last epoch, or if another callback has stopped.
        start_from_epoch: the first epoch, from 0, that is monitored. If none is, or none is
            finite, the best of the epochs before it is the best.
        smooth: what is done to the values first, "ema:w" (weight w for the newest value) or
            "median:n" (of the last n).
        nan_patience: stops after so many successive epochs that are not finite, from the first
            epoch on.
        criterion: "patience"; "gl", stop once the value is more than `alpha` percent worse than
            its best one (generalization loss); or "up", stop once it got worse in `strips`
            successive strips of `strip_length` epochs.
        alpha: for "gl", in percent; 5 by default, Prechelt compares 1 to 5.
        strips: for "up"; 3 by default, Prechelt compares 2 to 8.
        strip_length: for "up"; 5 by default, as Prechelt has it.

    Raises:
        ValueError: an argument out of range, or one that the criterion does not have; or, at the
            end of the first epoch, a monitored value that is not logged (the message lists those
            that are), or whose mode is not known.

    Attributes:
        stop_reason: why it stopped, in words; `None` if it did not.
        best_epoch: the best epoch, from 0.
        best_value: the value in it, smoothed if `smooth` is given; `None` if none was finite.
        wasted_epochs: how many epochs were run after the best one.
        stopped_epoch: the epoch after which it stopped, from 0; 0 also if it did not.
        best_weights: those of the best epoch, in the order of `model.get_weights()`.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(3.0), "mse")
    >>> stopping = EarlyStopping("loss", patience=2, verbose=0)
    >>> x = np.ones((4, 1))
    >>> history = model.fit(x, x, epochs=9, verbose=0, callbacks=[stopping])
    >>> len(history.epoch), stopping.best_epoch, stopping.wasted_epochs
    (3, 0, 2)
    >>> stopping.stop_reason
    'loss has not improved for 2 epochs'

    Reference: Prechelt, Early Stopping - But When?, 1998,
    https://doi.org/10.1007/3-540-49430-8_3
    """

    def __init__(
        self,
        monitor: str | Iterable[str] | Mapping[str, str] | None = None,
        min_delta: float | str = 0,
        patience: int = 0,
        verbose: int = 1,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = True,
        start_from_epoch: int = 0,
        *,
        smooth: str | None = None,
        nan_patience: int = 3,
        criterion: str = "patience",
        alpha: float | None = None,
        strips: int | None = None,
        strip_length: int | None = None,
    ):
        self._modes = modes_of(monitor, mode)
        self._improvement = Improvement(min_delta)
        self._smoothing = make_smoothing(smooth)
        self._criterion = make_criterion(criterion, patience, alpha, strips, strip_length)
        _check_integers(patience=(patience, 0), nan_patience=(nan_patience, 1))
        _check_integers(start_from_epoch=(start_from_epoch, 0))
        if baseline is not None and not isinstance(baseline, numbers.Real):
            raise ValueError(f"baseline must be a number or None. Received: baseline={baseline!r}")
        if baseline is not None and (criterion != "patience" or len(self._modes) > 1):
            raise ValueError(
                "baseline is for criterion='patience' and a single monitor. Received: "
                f"baseline={baseline!r}, criterion={criterion!r}, monitor={monitor!r}"
            )
        first = next(iter(self._modes), "val_data_loss")
        super().__init__(
            monitor=first,
            min_delta=self._improvement.amount,
            patience=patience,
            verbose=verbose,
            mode=self._modes.get(first, mode),
            baseline=baseline,
            restore_best_weights=restore_best_weights,
            start_from_epoch=start_from_epoch,
        )
        self.nan_patience = nan_patience
        self.criterion = criterion
        self._reset()

    def _reset(self):
        super().on_train_begin()
        self.stop_reason: str | None = None
        self.monitor_op = None
        self._panel = Panel(self._modes, self._watch)
        self._kept = BestWeights()
        self._started = False
        self._first_epoch: int | None = None
        self._epochs = 0
        self._not_finite = 0

    def _watch(self, name: str, mode: str) -> Watched:
        parts = self._improvement, self._smoothing, self._criterion
        return Watched(name, mode, *parts, baseline=self.baseline)

    @property
    def best_value(self) -> float | None:
        """The monitored value of the best epoch."""
        return self.best

    @property
    def wasted_epochs(self) -> int:
        """How many epochs were run after the best one."""
        if self.best is None:
            return self._epochs - (self._first_epoch or 0)
        return self._epochs - self.best_epoch - 1

    def on_train_begin(self, logs=None):
        self._reset()

    def on_train_batch_begin(self, batch, logs=None):
        super().on_train_batch_begin(batch, logs)
        if self._kept.undecided:  # on JAX to read `self.model` moves its whole state
            self._kept.begin_epoch(self.model)

    def on_epoch_end(self, epoch, logs=None):
        self._epochs = epoch + 1
        if self._first_epoch is None:
            self._first_epoch = epoch
        values = self._panel.read(logs or {}, self.model, waits=epoch < self.start_from_epoch)
        if values is None:
            return
        self._name_first()
        if epoch >= self.start_from_epoch and not self._started:
            self._started = True
            self._panel.restart()
        self._take(epoch, values)
        self._stop(epoch)

    def _name_first(self):
        """Tells what is monitored in the attributes that Keras' class has."""
        first = self._panel.watched[0]
        self.monitor = first.name
        self.monitor_op = keras.ops.less if first.mode == "min" else keras.ops.greater

    def _take(self, epoch: int, values: list[float]):
        finite = all(map(math.isfinite, values))
        improved = finite and self._panel.improves(values)
        if not finite or (improved and not self._keep()):
            self._not_finite += 1
            self._panel.miss()
        else:
            self._not_finite = 0
            self._panel.observe(values)
            if improved:
                self.best, self.best_epoch = self._panel.watched[0].best, epoch
        self.wait = self._panel.wait
        if self.restore_best_weights:
            self._kept.end_epoch(self.model)

    def _keep(self) -> bool:
        """Keeps the weights, unless they are not finite."""
        if not self.restore_best_weights:
            return are_finite(copies(self.model.weights))
        kept = self._kept.keep(self.model)
        self.best_weights = self._kept.weights
        return kept

    def _stop(self, epoch: int):
        reason = None
        if self._not_finite >= self.nan_patience:
            names = " or ".join([*self._panel.names, "a weight"])
            reason = f"{names} was NaN or infinite for {count(self._not_finite, 'epoch')}"
        elif epoch > 0 and self._started:
            reason = self._panel.reason()
        if reason:
            self.stop_reason, self.stopped_epoch = reason, epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        restores = self.restore_best_weights and self.best is not None
        if restores:
            self._kept.restore(self.model)
            self.best_weights = self._kept.weights
        if self.verbose > 0 and (self.stop_reason or (restores and self.wasted_epochs)):
            print_msg(self._line(restores))

    def _line(self, restores: bool) -> str:
        end = f"early stopping, {self.stop_reason}" if self.stop_reason else "the end"
        best = "no epoch was finite"
        if self.best is not None:
            best = f"epoch {self.best_epoch + 1} ({self.monitor} {self.best:.6g})"
            best = f"restored the weights of {best}" if restores else f"the best was {best}"
        return f"Epoch {self._epochs}: {end}; {best}."

    def get_monitor_value(self, logs):
        """The first monitored value among `logs`, or an error that lists what is logged."""
        logs = logs or {}
        if self.monitor not in logs:
            raise missing([self.monitor], logs)
        return logs[self.monitor]

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs to go on: JSON, and the best weights as arrays."""
        return {
            **{name: getattr(self, name) for name in _STATE},
            "monitors": self._panel.get_state(),
            **self._kept.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`.

        Raises:
            ValueError: the state is of other monitors or modes.
        """
        self._panel.set_state(state["monitors"])
        if self._panel.watched:
            self._name_first()
        for name in _STATE:
            setattr(self, name, state[name])
        self._kept.set_state(state)
        self.best_weights = self._kept.weights


def _check_integers(**arguments: tuple[int, int]):
    for name, (value, least) in arguments.items():
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not whole or value < least:
            raise ValueError(
                f"{name} must be an integer of at least {least}. Received: {name}={value!r}"
            )
