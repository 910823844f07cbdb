"""Gate `warmup`: are the requests answered that a server asks before it serves?"""

from ..warmup import FILE, replay
from .candidate import Candidate
from .result import GateResult

__all__ = ["check"]

NAME = "warmup"


def check(candidate: Candidate) -> GateResult | None:
    """Fails a warmup request that gets an error: TensorFlow Serving refuses such a version.

    None where there are no such requests.
    """
    if not (candidate.path / FILE).exists():
        return None
    predictor = candidate.predictor
    inputs = {name: specs.inputs for name, specs in predictor.specs.items()}
    try:
        asked = replay(
            candidate.path, inputs, lambda name, features: predictor.call(name, **features)
        )
    except ValueError as error:
        return GateResult(NAME, False, str(error))
    said = "1 warmup request was" if asked == 1 else f"{asked} warmup requests were"
    return GateResult(NAME, True, f"{said} answered", {"requests": asked})
