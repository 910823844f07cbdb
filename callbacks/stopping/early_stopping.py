"""Stop training at the right moment, say why, and restore the best weights."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import keras
from keras.src.utils.io_utils import print_msg  # as Keras' own callbacks print (Keras 3.15)

from ...core.checks import check_bool, check_integer, check_number, message
from ..fit_data import as_number
from ..variables import copies
from .best_weights import BestWeights, are_finite
from .criteria import Criterion, count, criterion_of
from .monitors import default_monitor, direction, missing, modes_of, smoothing_of

# The saved attributes, besides the curves and the weights.
_STATE = ["best", "best_epoch", "wait", "stopped_epoch", "stop_reason"]
_STATE += ["_started", "_first_epoch", "_epochs", "_not_finite"]


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Stop training when a monitored value no longer improves, and restore the best weights.

    Takes the arguments of `keras.callbacks.EarlyStopping` in the same order, and some more. Put it
    after callbacks that log the monitored value (`LossLedger`) or average weights
    (`WeightAverage`, `keras.callbacks.SwapEMAWeights`), and before `BackupAndRestore`.

    If the optimizer has `use_ema`, the averaged weights of the best epoch are restored. To validate
    them as well, put `keras.callbacks.SwapEMAWeights(swap_on_epoch=True)` before. An epoch with a
    monitored value or a weight of NaN or infinity is never the best.

    Args:
        monitor: A name in the logs; or a list of names, or a dict from names to modes, to stop when
            all of them meet the criterion. The first name decides which epoch is the best. By
            default `val_data_loss`, from `LossLedger`, or else `val_loss`.
        min_delta: Minimum improvement, as a number or relative to the best value as in "1%".
        patience: Number of validated epochs without improvement to stop after, counted as in
            `ReduceLROnPlateau`; 0 is the same as 1.
        verbose: 1 prints one line at the end if training was stopped or the last epoch was not the
            best; 0 is silent.
        mode: "min", "max" or "auto", which knows losses, gaps, penalties and the model's metrics.
        baseline: Value to beat: before, no improvement resets the patience.
        restore_best_weights: Whether to restore the weights of the best epoch at the end of `fit`,
            also if training was not stopped, or by another callback.
        start_from_epoch: First epoch to monitor, counted from 0. If no monitored epoch is finite,
            an earlier epoch is the best.
        smooth: "ema:w" for an exponential average that weights the newest value by w, or "median:n"
            for the median of the last n values.
        nan_patience: Number of successive epochs that are not finite to stop after.
        criterion: "patience", `GeneralizationLoss(alpha)` ("gl" for short),
            `SuccessiveIncreases(strips, strip_length)` ("up"), or a function of the smoothed values
            so far (NaN if not finite) and the mode ("min" or "max") that returns the reason to
            stop, such as "is 6% worse than its best", or `None`.

    Attributes:
        stop_reason: The reason for the stop, as a sentence, or `None`.
        stopped_epoch: Epoch after which training was stopped, counted from 0; 0 also if it was not.
        best_epoch: The best epoch, counted from 0.
        best_value: The smoothed value of the best epoch, or `None` if no epoch was finite.
        best_weights: The weights of the best epoch, in the order of `model.get_weights()`.
        wasted_epochs: Number of epochs after the best one.

    Raises:
        ValueError: If an argument is invalid; or, at the end of the first epoch, if a monitored
            value is not logged (the message lists what is), or its direction is unknown.

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
        criterion: str | Criterion = "patience",
    ):
        check_integer("patience", patience, minimum=0)
        check_number("baseline", baseline, "(-inf, inf)", optional=True)
        check_bool("restore_best_weights", restore_best_weights)
        check_integer("start_from_epoch", start_from_epoch, minimum=0)
        check_integer("nan_patience", nan_patience, minimum=1)
        self._modes = modes_of(monitor, mode)
        self._relative = isinstance(min_delta, str)
        self._smooth = smoothing_of(smooth)
        self._criterion = criterion_of(criterion)
        if self._criterion and patience:
            raise ValueError(
                "`patience` must be 0 with another `criterion`. "
                f"Received: patience={patience!r}, criterion={criterion!r}"
            )
        if baseline is not None and (self._criterion or len(self._modes) > 1):
            raise ValueError(
                "`baseline` must be None unless criterion='patience' and there is one monitor. "
                f"Received: baseline={baseline!r}, criterion={criterion!r}, monitor={monitor!r}"
            )
        first = next(iter(self._modes), "val_data_loss")
        delta, mode = _delta(min_delta), self._modes.get(first, mode)
        super().__init__(
            first, delta, patience, verbose, mode, baseline, restore_best_weights, start_from_epoch
        )
        self.nan_patience = nan_patience
        self.criterion = criterion
        EarlyStopping.on_train_begin(self)

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.stop_reason: str | None = None
        self.monitor_op = None
        self._curves: list[_Curve] = []
        self._kept = BestWeights()
        self._started = False
        self._first_epoch: int | None = None
        self._epochs = 0
        self._not_finite = 0

    def on_train_batch_begin(self, batch, logs=None):
        super().on_train_batch_begin(batch, logs)
        if self._kept.undecided:  # on JAX, reading `self.model` copies its whole state
            self._kept.begin_epoch(self.model)

    def on_epoch_end(self, epoch, logs=None):
        self._epochs = epoch + 1
        if self._first_epoch is None:
            self._first_epoch = epoch
        values = self._read(epoch, logs or {})
        if values is None:  # an epoch without validation
            return
        if epoch >= self.start_from_epoch and not self._started:
            self._started = True
            self._curves = [_Curve(curve.name, curve.mode) for curve in self._curves]

        finite = all(map(math.isfinite, values))
        improved = finite and self._improves(self._curves[0], values[0])
        if not finite or (improved and not self._keep_weights()):
            self._not_finite += 1
            for curve in self._curves:
                curve.values.append(math.nan)
                curve.improved = False
                curve.wait += 1
        else:
            self._not_finite = 0
            for curve, value in zip(self._curves, values, strict=True):
                self._append(curve, value)
            if improved:
                self.best, self.best_epoch = self._curves[0].best, epoch
        self.wait = min(curve.wait for curve in self._curves)
        if self.restore_best_weights:
            self._kept.end_epoch(self.model)

        reasons = []
        if self._not_finite >= self.nan_patience:
            names = " or ".join([*(curve.name for curve in self._curves), "a weight"])
            reasons = [f"{names} was NaN or infinite for {count(self._not_finite, 'epoch')}"]
        elif epoch > 0 and self._started:
            reasons = [self._reason_to_stop(curve) for curve in self._curves]
        if reasons and all(reasons):
            self.stop_reason = "; ".join(filter(None, reasons))
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _reason_to_stop(self, curve: "_Curve") -> str | None:
        """Return the reason to stop by one monitored value, or `None`."""
        if self._criterion:
            reason = self._criterion(curve.values, curve.mode)
        elif curve.wait >= self.patience and not curve.improved:
            reason = f"has not improved for {count(curve.wait, 'epoch')}"
            if not self._beats_baseline(curve.best, curve.mode):
                reason += f" over the baseline {self.baseline:g}"
        else:
            reason = None
        return reason and f"{curve.name} {reason}"

    def _append(self, curve: "_Curve", value: float) -> None:
        curve.improved = self._improves(curve, value)
        curve.finite.append(value)
        curve.values.append(self._smooth(curve.finite))
        curve.wait += 1
        if curve.improved:
            curve.best = curve.values[-1]
            if self._beats_baseline(curve.best, curve.mode):
                curve.wait = 0

    def _improves(self, curve: "_Curve", value: float) -> bool:
        """Return whether a value would be, after smoothing, the best of a curve."""
        value = self._smooth([*curve.finite, value])
        return curve.best is None or self._is_better(value, curve.best, curve.mode)

    def _beats_baseline(self, value: float | None, mode: str) -> bool:
        if self.baseline is None:
            return True
        return value is not None and self._is_better(value, self.baseline, mode)

    def _is_better(self, value: float, reference: float, mode: str) -> bool:
        delta = abs(self.min_delta) * (abs(reference) if self._relative else 1)
        return value + delta < reference if mode == "min" else value - delta > reference

    def _read(self, epoch: int, logs: dict[str, Any]) -> list[float] | None:
        """Return the monitored values, or `None` if there was no validation and none is due."""
        names = [curve.name for curve in self._curves] or [*self._modes] or ["val_loss"]
        validated = any(name.startswith("val_") for name in logs)
        due = not self._curves and epoch >= self.start_from_epoch
        if not validated and not due and any(name.startswith("val_") for name in names):
            return None
        if not self._curves and not self._modes:
            names = [default_monitor(logs, self.model)]
        if absent := [name for name in names if name not in logs]:
            raise missing(absent, logs)
        if not self._curves:
            modes = {name: self._modes.get(name, "auto") for name in names}
            auto = {n: direction(n, self.model) for n, mode in modes.items() if mode == "auto"}
            self._set_curves([_Curve(n, mode) for n, mode in {**modes, **auto}.items()])
        return [as_number(name, logs[name], "EarlyStopping") for name in names]

    def _set_curves(self, curves: "list[_Curve]") -> None:
        self._curves = curves
        if curves:  # the attributes of Keras' class describe the first one
            self.monitor = curves[0].name
            self.monitor_op = keras.ops.less if curves[0].mode == "min" else keras.ops.greater

    def _keep_weights(self) -> bool:
        """Keep the weights of the best epoch so far; return False if they are not finite."""
        if not self.restore_best_weights:
            return are_finite(copies(self.model.weights))
        kept = self._kept.keep(self.model)
        self.best_weights = self._kept.weights
        return kept

    def on_train_end(self, logs=None):
        restores = self.restore_best_weights and self.best is not None
        if restores:
            self._kept.restore(self.model)
            self.best_weights = self._kept.weights
        if self.verbose > 0 and (self.stop_reason or (restores and self.wasted_epochs)):
            print_msg(self._summary(restores))

    def _summary(self, restores: bool) -> str:
        end = f"early stopping, {self.stop_reason}" if self.stop_reason else "the end"
        best = "no epoch was finite"
        if self.best is not None:
            best = f"epoch {self.best_epoch + 1} ({self.monitor} {self.best:.6g})"
            best = f"restored the weights of {best}" if restores else f"the best was {best}"
        return f"Epoch {self._epochs}: {end}; {best}."

    @property
    def best_value(self) -> float | None:
        return self.best

    @property
    def wasted_epochs(self) -> int:
        if self.best is None:
            return self._epochs - (self._first_epoch or 0)
        return self._epochs - self.best_epoch - 1

    def get_state(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in _STATE},
            "curves": [dataclasses.asdict(curve) for curve in self._curves],
            **self._kept.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        curves = [_Curve(**curve) for curve in state["curves"]]
        saved = {curve.name: curve.mode for curve in curves}
        ours = self._modes or saved
        if saved and ([*saved] != [*ours] or any(ours[n] not in ("auto", saved[n]) for n in saved)):
            raise ValueError(
                f"Could not restore EarlyStopping: the state is that of the monitors {saved}, "
                f"instead of {ours}."
            )
        self._set_curves(curves)
        for name in _STATE:
            setattr(self, name, state[name])
        self._kept.set_state(state)
        self.best_weights = self._kept.weights


@dataclasses.dataclass
class _Curve:
    """A monitored value over the epochs."""

    name: str
    mode: str  # "min" or "max"
    finite: list[float] = dataclasses.field(default_factory=list)  # as logged
    values: list[float] = dataclasses.field(default_factory=list)  # smoothed; NaN if not finite
    best: float | None = None
    improved: bool = False  # in the last epoch
    wait: int = 0  # epochs without improvement


def _delta(min_delta: Any) -> float:
    """Return a `min_delta` as a number; a percentage is relative to 1."""
    try:
        if not isinstance(min_delta, str):
            delta = abs(float(min_delta))
        else:
            number, percent, rest = min_delta.partition("%")
            delta = abs(float(number)) / 100 if percent and not rest else math.nan
    except (TypeError, ValueError):
        delta = math.nan
    if not math.isfinite(delta):
        raise ValueError(message("min_delta", min_delta, "a number, or a percentage like '1%'"))
    return delta
