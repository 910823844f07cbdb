"""The registry of gates, and `run_gates`, which stops at the first that fails."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from ..checks import Checks
from ..errors import ExportError, reason
from ..heads import Arrays, Head
from ..predictor import Predictor

Features = Mapping[str, np.ndarray]
Kind = Literal["saved_model", "exact_format", "approximate_format"]


@dataclass(frozen=True)
class GateResult:
    """The result of one gate.

    Args:
        name: The name of the gate.
        passed: Whether the version may be published.
        detail: The measurement or the problem, in one sentence.
        figures: Measured numbers by name.

    Example:

    >>> from occam import exports
    >>> exports.GateResult("size", True, "1,024 bytes", {"bytes": 1024}).to_dict()
    {'name': 'size', 'passed': True, 'detail': '1,024 bytes', 'figures': {'bytes': 1024}}
    """

    name: str
    passed: bool
    detail: str
    figures: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of the gate in `blessing.json`."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class ExportCandidate:
    """A SavedModel, reloaded, and its references. Gates skip comparisons with None."""

    path: Path
    predictor: Predictor
    expected: Callable[[Features], Arrays] | None = None  # answers of the Keras model
    precision: str = "float32"  # the shortest float dtype in which it computes
    head: Head | None = None  # of the Keras model
    weight_bytes: int | None = None  # of the Keras model
    live: Path | None = None  # the version that is served now
    checks: Checks = Checks()  # noqa: RUF009 - frozen


Check = Callable[[ExportCandidate], GateResult | None]


class Gate(NamedTuple):
    """A registered gate, and the kinds of candidates that it checks."""

    check: Check
    kinds: tuple[Kind, ...]


GATES: dict[str, Gate] = {}


def gate(*kinds: Kind) -> Callable[[Check], Check]:
    """Register a function as a gate, under its name.

    The function returns `passed(...)`, `failed(...)`, or None if it does not apply. An exact format
    has the full precision of the SavedModel, an approximate one has fewer bits.
    """

    def register(check: Check) -> Check:
        name = check.__name__
        if name in GATES:
            raise ValueError(f"Gate {name!r} is registered already.")
        GATES[name] = Gate(check, kinds)
        return check

    return register


# Called with `detail` and `figures`; `run_gates` adds the name.
passed = functools.partial(GateResult, "", True)
failed = functools.partial(GateResult, "", False)


def gates_for(kind: Kind) -> dict[str, Check]:
    """Return the gates for a kind of candidate, by name, in the order in which they run."""
    return {name: gate.check for name, gate in GATES.items() if kind in gate.kinds}


def run_gates(
    candidate: ExportCandidate, gates: Mapping[str, Check] | None = None, format: str | None = None
) -> tuple[GateResult, ...]:
    """Run the gates in order; raise an `ExportError` at the first that fails or raises.

    `gates` are by default all gates of a SavedModel. `format` is a prefix of their names, as in
    `onnx/parity`.
    """
    results = []
    for name, check in (gates_for("saved_model") if gates is None else gates).items():
        name = f"{format}/{name}" if format else name
        try:
            result = check(candidate)
        except Exception as error:  # the model's graph may raise anything
            raise ExportError(f"gate {name}: {reason(error)}") from error
        if result is None:
            continue
        if not result.passed:
            raise ExportError(f"gate {name}: {result.detail}")
        results.append(dataclasses.replace(result, name=name))
    return tuple(results)
