"""`cost`: what does a row of each signature take, against `serving_default`? It refuses nothing."""

import functools

from ..servable import SIGNATURE
from .candidate import Candidate
from .result import GateResult
from .sample import sample
from .timing import medians

__all__ = ["check"]

NAME = "cost"
_ROUNDS = 10


def check(candidate: Candidate) -> GateResult | None:
    """Measures, for the card; Monte Carlo dropout, say, has its price. None with one signature."""
    predictor = candidate.predictor
    if len(predictor.signatures) == 1:
        return None
    rows = {name: sample(predictor, name, 1) for name in predictor.signatures}
    questions = [functools.partial(predictor.call, name, **row) for name, row in rows.items()]
    seconds = dict(zip(rows, medians(questions, _ROUNDS), strict=True))
    base = seconds.pop(SIGNATURE)
    ratios = {name: taken / base for name, taken in seconds.items()}
    said = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    detail = f"one row, as a multiple of serving_default's time: {said}"
    return GateResult(NAME, True, detail, {"serving_default_seconds": base, **ratios})
