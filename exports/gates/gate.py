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
from ..predictor import Predictor

Features = Mapping[str, np.ndarray]
Kind = Literal["saved_model", "exact_format", "approximate_format"]


@dataclass(frozen=True)
class GateResult:
    """The result of one gate.

    Args:
        name: The name of the gate.
        passed: Whether the gate lets the version through.
        detail: One sentence: what was found, or what was expected and what was received.
        figures: Measured numbers by name, as JSON holds them.

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
class Candidate:
    """A SavedModel that is about to be published, and what it is judged by.

    A gate skips what is None.

    Args:
        path: The directory of the SavedModel.
        predictor: The SavedModel, reloaded from there.
        expected: A function from features by name to the `(n, classes)` probabilities of the Keras
            model.
        precision: The shortest float dtype in which it computes: `"float32"`, `"bfloat16"`, ...
        class_names: The name that each class should have, by class id.
        weight_bytes: The size of the model's weights in bytes.
        live: The directory of the version that is served now.
        checks: The data, the limits and the baseline of the export.
    """

    path: Path
    predictor: Predictor
    expected: Callable[[Features], np.ndarray] | None = None
    precision: str = "float32"
    class_names: tuple[str, ...] | None = None
    weight_bytes: int | None = None
    live: Path | None = None
    checks: Checks = Checks()  # noqa: RUF009 - frozen


Check = Callable[[Candidate], GateResult | None]


class Gate(NamedTuple):
    """A registered gate.

    Args:
        check: Judges a candidate; returns None where it has nothing to look at.
        kinds: What the gate judges.
    """

    check: Check
    kinds: tuple[Kind, ...]


GATES: dict[str, Gate] = {}


def gate(*kinds: Kind) -> Callable[[Check], Check]:
    """Register the function below as a gate, under its own name.

    The function returns `passed(...)`, `failed(...)`, or None if it has nothing to look at.

    Args:
        *kinds: What the gate judges: `"saved_model"`, `"exact_format"` for another format in full
            precision, `"approximate_format"` for one with fewer bits.
    """

    def register(check: Check) -> Check:
        name = check.__name__
        if name in GATES:
            raise ValueError(f"Gate {name!r} is registered already.")

        @functools.wraps(check)
        def named(candidate: Candidate) -> GateResult | None:
            result = check(candidate)
            return result and dataclasses.replace(result, name=name)

        GATES[name] = Gate(named, kinds)
        return named

    return register


def passed(detail: str, figures: Mapping[str, float] | None = None) -> GateResult:
    """Return the result of a gate that passes; `gate` adds the name."""
    return GateResult("", True, detail, figures or {})


def failed(detail: str, figures: Mapping[str, float] | None = None) -> GateResult:
    """Return the result of a gate that fails; `gate` adds the name."""
    return GateResult("", False, detail, figures or {})


def gates_for(kind: Kind) -> dict[str, Check]:
    """Return the gates that judge this kind of candidate, by name, in the order they run."""
    return {name: gate.check for name, gate in GATES.items() if kind in gate.kinds}


def run_gates(
    candidate: Candidate, gates: Mapping[str, Check] | None = None, format: str | None = None
) -> tuple[GateResult, ...]:
    """Run the gates in order; stop at the first failure.

    Args:
        candidate: What to judge.
        gates: The gates by name; by default, those for a SavedModel.
        format: The name of the judged format. Its gates are called `<format>/<gate>`.

    Returns:
        The results of the gates that had something to look at.

    Raises:
        ExportError: If a gate fails or raises. The message begins with `gate` and its name.
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
