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
        detail: One sentence on the finding: the measurement, or expected and received values.
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
    """A SavedModel to judge, and what to compare it with. A gate skips a comparison with None.

    Args:
        path: The directory of the SavedModel.
        predictor: The SavedModel, reloaded from there.
        expected: Maps features by name to the `(n, classes)` probabilities of the Keras model.
        precision: The shortest float dtype in which it computes: `"float32"`, `"bfloat16"`, ...
        class_names: The expected name of each class, by class id.
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


Check = Callable[[ExportCandidate], GateResult | None]


class Gate(NamedTuple):
    """A registered gate, and the kinds of candidates that it judges."""

    check: Check
    kinds: tuple[Kind, ...]


GATES: dict[str, Gate] = {}


def gate(*kinds: Kind) -> Callable[[Check], Check]:
    """Register a function as a gate, under its name.

    The function returns `passed(...)`, `failed(...)`, or None if it does not apply.

    Args:
        *kinds: What the gate judges: `"saved_model"`, `"exact_format"` for another format in full
            precision, `"approximate_format"` for one with fewer bits.
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
    """Return the gates that judge this kind of candidate, by name, in the order they run."""
    return {name: gate.check for name, gate in GATES.items() if kind in gate.kinds}


def run_gates(
    candidate: ExportCandidate, gates: Mapping[str, Check] | None = None, format: str | None = None
) -> tuple[GateResult, ...]:
    """Run the gates in order; stop at the first failure.

    Args:
        candidate: The SavedModel or other format to judge.
        gates: The gates by name; by default, all gates of a SavedModel.
        format: The name of the judged format, a prefix of the names: `<format>/<gate>`.

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
