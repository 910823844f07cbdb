"""The HParams dashboard: what a run was tried with, as effective values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tensorboard.plugins.hparams import api as hp
from tensorboard.plugins.hparams.summary import session_end_pb
from tensorboard.plugins.hparams.summary_v2 import hparams_config_pb, hparams_pb

from .protos import STATUS_SUCCESS, Summary

__all__ = ["HParams", "Interval"]

Value = bool | int | float | str


@dataclass(frozen=True)
class Interval:
    """The range of a hyperparameter that is a number.

    Args:
        low: its smallest value while it is on.
        high: its greatest value.
        log: searched on a logarithmic scale. It then has a second column, `log10_<name>`, in which
            "off" stands one decade below `low`: a column that holds a 0 has no logarithmic axis.
        off: the effective value where it is not active.

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
                f"An Interval needs finite {expected}. Received: low={self.low}, high={self.high}"
            )

    def log10(self, value: float) -> float:
        """The position of a value on the logarithmic axis."""
        return math.log10(value) if value > 0 else math.log10(self.low) - 1

    def columns(self, name: str) -> list[hp.HParam]:
        """The columns of the dashboard, each with its range."""
        ends = (min(self.low, self.off), max(self.high, self.off))
        plain = hp.HParam(name, hp.RealInterval(*map(float, ends)))
        if not self.log:
            return [plain]
        ends = (self.log10(0), math.log10(self.high))
        return [plain, hp.HParam(f"log10_{name}", hp.RealInterval(*ends))]


@dataclass(frozen=True)
class HParams:
    """The hyperparameters of a run, for `TensorBoard(hparams=)`.

    A row of the dashboard that lacks a single value vanishes from the parallel coordinates, and
    conditional search spaces lack many. So each row gets all of `ranges`: what is missing or
    `None` is off, and gets its effective value.

    Args:
        values: by name; a bool, a number or a text each, or `None` where it is off.
        ranges: by name, the same for all runs that are compared: an `Interval`, or the sequence of
            options, of which the first is that of "off".
        trial: a name that runs of one trial (on several seeds) have in common. By default runs
            with equal values are one.

    Raises:
        ValueError: a value that is not among its options, or is of no kind that TensorBoard shows.

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
        """Those of a KerasTuner's trial: every parameter of its space, active or not.

        Args:
            hyperparameters: a `keras_tuner.HyperParameters`, as `HyperModel.fit` is given.
            trial: a name of the trial.
        """
        space = {parameter.name: parameter for parameter in hyperparameters.space}
        active = {
            name: hyperparameters.values.get(name, parameter.default)
            for name, parameter in space.items()
            if hyperparameters.is_active(parameter)
        }
        return cls(active, {name: _range(p) for name, p in space.items()}, trial)

    def _names(self) -> list[str]:
        return [*self.ranges, *(name for name in self.values if name not in self.ranges)]

    def effective(self) -> dict[str, Value]:
        """The value of every column."""
        row: dict[str, Value] = {}
        for name in self._names():
            span, value = self.ranges.get(name), self.values.get(name)
            row[name] = value = _effective(name, value, span)
            if isinstance(span, Interval) and span.log:
                row[f"log10_{name}"] = span.log10(float(value))
        return row

    def experiment(self, metrics: Sequence[tuple[str, str]]) -> Summary:
        """The configuration that all compared runs share.

        Args:
            metrics: a run below the trial's own, or "" for that one, and a tag, for each to show.
        """
        columns: list[hp.HParam] = []
        for name in self._names():
            span = self.ranges.get(name)
            numeric = isinstance(span, Interval)
            columns += span.columns(name) if numeric else [hp.HParam(name, _domain(span))]
        shown = [hp.Metric(tag, group=run, display_name=_title(run, tag)) for run, tag in metrics]
        return hparams_config_pb(columns, shown)

    def row(self) -> Summary:
        """The values of this run."""
        return hparams_pb(self.effective(), trial_id=self.trial)

    @staticmethod
    def end() -> Summary:
        """Says that the run is finished."""
        # TensorBoard makes it as a message of TensorFlow's own copy of the class.
        return Summary.FromString(session_end_pb(STATUS_SUCCESS).SerializeToString())


def _title(run: str, tag: str) -> str:
    return f"{tag} ({run})" if run else tag


def _effective(name: str, value: Any, span: Interval | Sequence[Value] | None) -> Value:
    if value is None:
        return span.off if isinstance(span, Interval) else (span[0] if span else 0.0)
    if isinstance(value, np.generic | np.ndarray) and value.size == 1:
        value = value.item()
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"hparams must be bools, numbers and texts. Received: {name}={value!r}")
    if span is not None and not isinstance(span, Interval) and value not in span:
        raise ValueError(f"{name} must be among {list(span)}. Received: {value!r}")
    return value


def _domain(options: Sequence[Value] | None) -> hp.Discrete | None:
    return hp.Discrete(list(options)) if options is not None else None


def _range(parameter: Any) -> Interval | Sequence[Value]:
    """The range of a KerasTuner's hyperparameter."""
    kind = type(parameter).__name__
    if kind in ("Float", "Int"):
        log = parameter.sampling in ("log", "reverse_log")
        return Interval(parameter.min_value, parameter.max_value, log=log)
    if kind == "Boolean":
        return (False, True)
    return tuple(parameter.values) if kind == "Choice" else (parameter.value,)
