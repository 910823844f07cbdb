"""The monitored values of `EarlyStopping`: names, directions and smoothing."""

import statistics
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from functools import partial
from typing import Any

import keras

from ...core.checks import check_one_of, message
from ..penalty import has_penalties


def modes_of(monitor: str | Iterable[str] | Mapping[str, str] | None, mode: str) -> dict[str, str]:
    """Return the mode (auto, min or max) of each monitored name, the deciding name first."""
    check_one_of("mode", mode, ("auto", "min", "max"))
    if monitor is None:
        if mode == "max":
            raise ValueError(
                message("mode", mode, "'auto' or 'min' for the default monitor, a loss")
            )
        return {}
    if isinstance(monitor, str):
        return {monitor: mode}
    if isinstance(monitor, Mapping) and mode != "auto":
        raise ValueError(message("mode", mode, "'auto' if `monitor` is a dict of modes"))
    if isinstance(monitor, Set):
        expected = "a list rather than a set, as the first name decides which epoch is the best"
        raise ValueError(message("monitor", monitor, expected))
    modes = dict(monitor) if isinstance(monitor, Mapping) else dict.fromkeys(monitor, mode)
    if not modes or not all(isinstance(name, str) for name in modes):
        expected = "a name, a list of names or a dict from names to modes"
        raise ValueError(message("monitor", monitor, expected))
    for each in modes.values():
        check_one_of("mode", each, ("auto", "min", "max"))
    return modes


def direction(name: str, model: keras.Model) -> str:
    """Return "min" or "max" for a logged value: "min" for losses, gaps and penalties.

    For metrics of the model, with or without `val_` and `train_eval_`, ask Keras.
    """
    if name.endswith("loss") or name.startswith("gap_") or "penalty" in name:
        return "min"
    theirs = keras.callbacks.EarlyStopping(name.removeprefix("train_eval_"))
    theirs.set_model(model)
    try:
        theirs._set_monitor_op()  # of Keras 3.15
    except ValueError as error:
        raise ValueError(
            f"`mode` must be 'min' or 'max' for {name!r}, a value that Keras does not know. "
            "Received: mode='auto'"
        ) from error
    return "min" if theirs.monitor_op is keras.ops.less else "max"


def default_monitor(logs: Collection[str], model: Any) -> str:
    """Return `val_data_loss` if it is logged, else `val_loss`; warn if it has penalties."""
    if "val_data_loss" in logs:
        return "val_data_loss"
    if "val_loss" not in logs:
        raise missing(["val_data_loss", "val_loss"], logs)
    if has_penalties(model):
        warnings.warn(
            "EarlyStopping monitors val_loss, which contains the penalties of the model and can "
            "hide a rising error. Put LossLedger before it, or set monitor='val_loss'.",
            stacklevel=2,
        )
    return "val_loss"


def missing(names: Iterable[str], logs: Collection[str]) -> ValueError:
    """Return an error for missing names."""
    text = f"EarlyStopping monitors {' and '.join(map(repr, names))}, which is not logged."
    text += f" Logged: {', '.join(sorted(logs)) or 'nothing'}."
    if not any(name.startswith("val_") for name in logs):
        text += " There was no validation in this epoch: give fit validation_data, and with "
        text += "validation_freq=n EarlyStopping start_from_epoch=n - 1."
    return ValueError(text)


def smoothing_of(smooth: str | None) -> Callable[[Sequence[float]], float]:
    """Return a function from the values so far to the last smoothed value.

        ema:w       s_1 = x_1,   s_t = w x_t + (1 - w) s_{t-1}
        median:n    s_t = median of the last n values, or of all while there are fewer

    >>> smoothing_of("ema:0.5")([4.0, 2.0, 2.0]), smoothing_of("median:3")([4.0, 2.0, 9.0, 1.0])
    (2.5, 2.0)
    """
    kind, _, number = ("median:1" if smooth is None else str(smooth)).partition(":")
    try:
        if kind == "ema" and 0 < float(number) <= 1:
            return partial(_exponential_average, float(number))
        if kind == "median" and int(number) >= 1:
            window = int(number)
            return lambda values: statistics.median(values[-window:])
    except ValueError:  # not a number
        pass
    expected = "'ema:w' with 0 < w <= 1, 'median:n' with n >= 1, or None"
    raise ValueError(message("smooth", smooth, expected))


def _exponential_average(weight: float, values: Sequence[float]) -> float:
    average = values[0]
    for value in values[1:]:
        average = weight * value + (1 - weight) * average
    return average
