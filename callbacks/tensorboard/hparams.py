"""`HParams`: the hyperparameters of a run for the HParams dashboard, as effective values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore
from tensorboard.plugins.hparams import api as hp
from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS  # pyright: ignore
from tensorboard.plugins.hparams.summary import session_end_pb
from tensorboard.plugins.hparams.summary_v2 import hparams_config_pb, hparams_pb

Value = bool | int | float | str


@dataclass(frozen=True)
class Interval:
    """The range of a numeric hyperparameter.

    Args:
        low: The smallest value of an active hyperparameter.
        high: The largest value.
        log: Whether the scale is logarithmic. A second column, `log10_<name>`, then shows inactive
            ones a decade below `low`, because a column with a 0 has no logarithmic axis.
        off: The effective value of an inactive hyperparameter.

    Raises:
        ValueError: If the interval is empty or infinite, or logarithmic with `low` <= 0.

    >>> Interval(1e-5, 1e-1, log=True).log10(0.001), Interval(1e-5, 1e-1, log=True).log10(0.0)
    (-3.0, -6.0)
    """

    low: float
    high: float
    log: bool = False
    off: float = 0.0

    def __post_init__(self):
        if not -math.inf < self.low <= self.high < math.inf or (self.log and self.low <= 0):
            expected = "0 < low <= high" if self.log else "low <= high"
            raise ValueError(
                f"An Interval must have finite limits with {expected}. "
                f"Received: low={self.low}, high={self.high}"
            )

    def log10(self, value: float) -> float:
        """Return the position of a value on the logarithmic axis."""
        return math.log10(value) if value > 0 else math.log10(self.low) - 1

    def columns(self, name: str) -> list[hp.HParam]:
        """Return the columns of the dashboard with their ranges."""
        low, high = float(min(self.low, self.off)), float(max(self.high, self.off))
        columns = [hp.HParam(name, hp.RealInterval(low, high))]
        if self.log:
            ends = hp.RealInterval(self.log10(0), math.log10(self.high))
            columns.append(hp.HParam(f"log10_{name}", ends))
        return columns


@dataclass(frozen=True)
class HParams:
    """The hyperparameters of a run, for `TensorBoard(hparams=)`.

    The parallel coordinates leave out rows with a missing value. So each row has all
    hyperparameters of `ranges`; one that is missing or `None` is off, and has its effective value.

    Args:
        values: The values by name: a bool, a number, a text, or `None` for off.
        ranges: By name, for all runs to compare: an `Interval`, or a sequence of options, the first
            of which means off.
        trial: The name of a trial, to group its runs with several seeds. By default, runs with
            equal values are one trial.

    Raises:
        ValueError: If a value is not among its options, or has a type that TensorBoard cannot show.

    Example:

    >>> ranges = {"l2": Interval(1e-5, 1e-1, log=True), "augmentation": ("none", "light")}
    >>> HParams({"l2": None}, ranges).effective()
    {'l2': 0.0, 'log10_l2': -6.0, 'augmentation': 'none'}
    """

    values: Mapping[str, Value | None]
    ranges: Mapping[str, Interval | Sequence[Value]] = field(default_factory=dict)
    trial: str | None = None

    def __post_init__(self):
        self.effective()

    @classmethod
    def from_tuner(cls, hyperparameters: Any, *, trial: str | None = None) -> "HParams":
        """Return the hyperparameters of a trial, from its `keras_tuner.HyperParameters`.

        A switch `<name> on`, as of `tuning.PenaltySpace`, has no column, since its `<name>` is off.
        """
        switches = {f"{each.name} on" for each in hyperparameters.space if each.conditions}
        space = {each.name: each for each in hyperparameters.space if each.name not in switches}
        active = {
            name: hyperparameters.values[name]
            for name, parameter in space.items()
            if name in hyperparameters.values and hyperparameters.is_active(parameter)
        }
        return cls(active, {name: _range(p) for name, p in space.items()}, trial)

    def _names(self) -> list[str]:
        return list(dict.fromkeys([*self.ranges, *self.values]))

    def effective(self) -> dict[str, Value]:
        """Return the value of every column."""
        row: dict[str, Value] = {}
        for name in self._names():
            span, value = self.ranges.get(name), self.values.get(name)
            row[name] = value = _effective(name, value, span)
            if isinstance(span, Interval) and span.log:
                row[f"log10_{name}"] = span.log10(float(value))
        return row

    def row(self) -> Summary:
        """Return the summary of the values of this run."""
        return hparams_pb(self.effective(), trial_id=self.trial)

    def experiment(self, metrics: Sequence[tuple[str, str]]) -> Summary:
        """Return the summary of the columns, for metrics given by their runs and tags."""
        columns: list[hp.HParam] = []
        for name in self._names():
            span = self.ranges.get(name)
            if isinstance(span, Interval):
                columns += span.columns(name)
            else:
                columns.append(hp.HParam(name, hp.Discrete(list(span)) if span else None))
        shown = [
            hp.Metric(tag, group=run, display_name=f"{tag} ({run})" if run else tag)
            for run, tag in metrics
        ]
        return hparams_config_pb(columns, shown)

    @staticmethod
    def end() -> Summary:
        """Return the summary that marks the run as finished."""
        # TensorBoard returns TensorFlow's copy of the class.
        return Summary.FromString(session_end_pb(STATUS_SUCCESS).SerializeToString())


def _effective(name: str, value: Any, span: Interval | Sequence[Value] | None) -> Value:
    if value is None:
        return span.off if isinstance(span, Interval) else (span[0] if span else 0.0)
    if isinstance(value, np.generic | np.ndarray) and value.size == 1:
        value = value.item()
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"`hparams` must be bools, numbers or texts. Received: {name}={value!r}")
    if span is not None and not isinstance(span, Interval) and value not in span:
        raise ValueError(f"`{name}` must be one of {list(span)}. Received: {name}={value!r}")
    return value


def _range(parameter: Any) -> Interval | Sequence[Value]:
    """Return the range of a hyperparameter of KerasTuner, with a value for an inactive one."""
    kind = type(parameter).__name__
    if kind in ("Float", "Int"):
        log = parameter.sampling in ("log", "reverse_log")
        return Interval(parameter.min_value, parameter.max_value, log=log)
    if kind == "Boolean":
        return (False, True)
    if kind != "Choice":
        return (parameter.value,)
    options = tuple(parameter.values)
    if not parameter.conditions:
        return options
    if all(isinstance(option, str) for option in options):
        return ("none", *(option for option in options if option != "none"))
    return Interval(min(options), max(options))
