"""Gate `determinism`: does the same request get the same answer?"""

from .candidate import Candidate
from .difference import difference
from .result import GateResult
from .sample import sample

__all__ = ["check"]

NAME = "determinism"
_ROWS = 3
_TIMES = 3
_ROUNDING = 1e-6  # threads may add up in another order


def check(candidate: Candidate) -> GateResult:
    """Fails a signature that answers three equal requests differently."""
    predictor = candidate.predictor
    for signature in predictor.signatures:
        features = sample(predictor, signature, _ROWS)
        first, *others = [predictor.call(signature, **features) for _ in range(_TIMES)]
        for other in others:
            if differs := difference(other, first, _ROUNDING):
                return GateResult(
                    NAME,
                    False,
                    f"Expected the same answer of {signature!r} to the same request. "
                    f"Received: {differs}",
                )
    return GateResult(NAME, True, f"{_TIMES} equal requests got the same answer")
