"""`run_gates`: the gates in order, until one fails."""

import dataclasses
from collections.abc import Callable, Sequence

from ..errors import ExportError, reason
from . import (
    batches,
    cost,
    determinism,
    in_c,
    labels,
    latency,
    loading,
    metric,
    parity,
    purity,
    size,
    state,
    warmup,
)
from .candidate import Candidate
from .result import GateResult

__all__ = ["GATES", "run_gates"]

Gate = Callable[[Candidate], GateResult | None]

GATES: tuple[Gate, ...] = (
    purity.check,
    determinism.check,
    state.check,
    batches.check,
    parity.check,
    labels.check,
    size.check,
    metric.check,
    loading.check,
    in_c.check,
    warmup.check,
    latency.check,
    cost.check,
)


def run_gates(
    candidate: Candidate, gates: Sequence[Gate] = GATES, format: str | None = None
) -> tuple[GateResult, ...]:
    """Run the gates in order; stop at the first failure.

    Args:
        candidate: what wants to be served.
        gates: functions from a candidate to a result, or to None where they have nothing to look
            at, being asked for a model, data or a live version that is not given. Each is in a
            module of its name.
        format: that is judged, if it is not the SavedModel; gates are then called
            `<format>/<gate>`.

    Returns:
        What each gate found that has something to look at.

    Raises:
        ExportError: a gate was not passed or raised an exception, which is the cause; the message
            begins with `gate` and its name.
    """
    prefix = f"{format}/" if format else ""
    results = []
    for gate in gates:
        try:
            result = gate(candidate)
        except Exception as error:  # the model's graph may raise anything
            name = gate.__module__.rpartition(".")[2]
            raise ExportError(f"gate {prefix}{name}: {reason(error)}") from error
        if result is None:
            continue
        result = dataclasses.replace(result, name=prefix + result.name)
        if not result.passed:
            raise ExportError(f"gate {result.name}: {result.detail}")
        results.append(result)
    return tuple(results)
