"""What `EarlyStopping` monitors: the names, and in which direction each gets better."""

import warnings
from collections.abc import Collection, Iterable, Mapping, Set
from typing import Any

import keras

from ..penalty import has_penalties

__all__ = ["default_monitor", "direction", "missing", "modes_of"]

_MODES = ("auto", "min", "max")


def modes_of(monitor: str | Iterable[str] | Mapping[str, str] | None, mode: str) -> dict[str, str]:
    """The mode (auto, min or max) of each monitored name, the deciding one first; {} for None.

    Raises:
        ValueError: an unknown mode, no name at all, a set, which has no order, or a mode besides a
            dict of modes.

    >>> modes_of(["val_loss", "val_accuracy"], "auto")
    {'val_loss': 'auto', 'val_accuracy': 'auto'}
    """
    if monitor is None and mode == "max":
        raise ValueError("mode='max' needs a monitor: the default one is a loss. Received: None")
    if monitor is None or isinstance(monitor, str):
        _check_mode(mode)
        return {} if monitor is None else {monitor: mode}
    if isinstance(monitor, Mapping) and mode != "auto":
        raise ValueError(
            f"mode must be left out where monitor gives a mode for each name. Received: {mode=}"
        )
    if isinstance(monitor, Set):
        raise ValueError(
            "monitor must have an order, as the first name decides on the weights: give a list. "
            f"Received: monitor={monitor!r}"
        )
    modes = dict(monitor) if isinstance(monitor, Mapping) else dict.fromkeys(monitor, mode)
    if not modes or not all(isinstance(name, str) for name in modes):
        raise ValueError(
            "monitor must be a name, a list of names or a dict from names to modes. "
            f"Received: monitor={monitor!r}"
        )
    for each in modes.values():
        _check_mode(each)
    return modes


def _check_mode(mode: str) -> None:
    if mode not in _MODES:
        raise ValueError(f"mode must be 'auto', 'min' or 'max'. Received: mode={mode!r}")


def direction(name: str, model: keras.Model) -> str:
    """Whether a smaller ("min") or a greater ("max") value of a logged name is better.

    Losses, gaps and penalties are better when smaller. Of a metric of the model Keras knows it,
    also behind the prefixes `val_` and `clean_`.

    Raises:
        ValueError: nobody knows it.

    >>> direction("val_data_loss", None), direction("gap_accuracy", None)
    ('min', 'min')
    """
    if name.endswith("loss") or name.startswith("gap_") or "penalty" in name:
        return "min"
    keras_own = keras.callbacks.EarlyStopping(name.removeprefix("clean_"))
    keras_own.set_model(model)
    try:
        keras_own._set_monitor_op()
    except ValueError as error:
        raise ValueError(
            f"Whether {name!r} should be small or great is not known. Give EarlyStopping "
            "mode='min' or mode='max'. Received: mode='auto'"
        ) from error
    return "min" if keras_own.monitor_op is keras.ops.less else "max"


def default_monitor(logs: Collection[str], model: Any) -> str:
    """`val_data_loss` if it is logged, else `val_loss`, with a warning if penalties are in it.

    Raises:
        ValueError: neither is logged.

    >>> default_monitor(["loss", "data_loss", "val_loss", "val_data_loss"], None)
    'val_data_loss'
    """
    if "val_data_loss" in logs:
        return "val_data_loss"
    if "val_loss" not in logs:
        raise missing(["val_data_loss", "val_loss"], logs)
    if has_penalties(model):
        warnings.warn(
            "EarlyStopping monitors val_loss, which contains the penalties of the model: a fall of "
            "the penalties hides a rise of the error. Give LossLedger before it, which logs "
            "val_data_loss, or say monitor='val_loss'.",
            stacklevel=2,
        )
    return "val_loss"


def missing(names: Iterable[str], logs: Collection[str]) -> ValueError:
    """The error that says what is not logged, and what is."""
    text = (
        f"EarlyStopping monitors {' and '.join(map(repr, names))}, which is not logged. "
        f"Logged: {', '.join(sorted(logs)) or 'nothing'}."
    )
    if not any(name.startswith("val_") for name in logs):
        text += (
            " There was no validation in this epoch: give fit validation_data, and with "
            "validation_freq=n EarlyStopping start_from_epoch=n - 1."
        )
    return ValueError(text)
