"""`run_gates`: every gate in turn, until one stays shut."""

from collections.abc import Callable, Sequence

from ..errors import ExportError
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


def run_gates(candidate: Candidate, gates: Sequence[Gate] = GATES) -> tuple[GateResult, ...]:
    """What each gate found that has something to look at.

    Args:
        candidate: what wants to be served.
        gates: functions from a candidate to a result, or to None where they have nothing to look
            at, being asked for a model, data or a live version that is not given.

    Raises:
        ExportError: the first gate that was not passed, by name.
    """
    results = []
    for gate in gates:
        result = gate(candidate)
        if result is None:
            continue
        if not result.passed:
            raise ExportError(f"gate {result.name}: {result.detail}")
        results.append(result)
    return tuple(results)
