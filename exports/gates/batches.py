"""Gate `batches`: does a row's answer depend on what it is asked together with?"""

from .candidate import Candidate
from .difference import difference, tolerance
from .result import GateResult
from .sample import sample

__all__ = ["check"]

NAME = "batches"
_LARGEST = 64
_SMALLER = (1, 3)


def check(candidate: Candidate) -> GateResult:
    """Fails a signature of which the answers in batches of 1, 3 and 64 rows do not agree.

    Batch normalization in training mode is such a one, and every other statistic of the batch.
    An empty batch is no question for the graph: the predictor answers it by itself.
    """
    predictor = candidate.predictor
    allowed = tolerance(candidate.precision)
    for signature in predictor.signatures:
        features = sample(predictor, signature, _LARGEST)
        whole = predictor.call(signature, **features)
        for size in _SMALLER:
            some = {name: array[:size] for name, array in features.items()}
            right = {name: array[:size] for name, array in whole.items()}
            answer = predictor.call(signature, **some)
            if differs := difference(answer, right, allowed):
                return GateResult(
                    NAME,
                    False,
                    f"Expected {signature!r} to answer {size} rows as it does among {_LARGEST}. "
                    f"Received: {differs}",
                )
    return GateResult(NAME, True, "batches of 1, 3 and 64 rows agree")
