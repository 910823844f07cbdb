"""Gate `state`: are the variables after some requests what they were before?"""

from typing import Any

import numpy as np

from .candidate import Candidate
from .result import GateResult
from .sample import sample

__all__ = ["check"]

NAME = "state"


def check(candidate: Candidate) -> GateResult:
    """Fails what has changed one of its variables after each signature was asked once."""
    predictor = candidate.predictor
    variables = _variables(predictor)
    before = {name: variable.numpy() for name, variable in variables.items()}
    for signature in predictor.signatures:
        predictor.call(signature, **sample(predictor, signature, 3))
    for name, variable in variables.items():
        if not np.array_equal(
            variable.numpy(), before[name], equal_nan=before[name].dtype.kind == "f"
        ):
            return GateResult(
                NAME,
                False,
                f"Expected variables that requests do not change. Received: {name!r}, changed",
            )
    return GateResult(NAME, True, "no request changed a variable", {"variables": len(variables)})


def _variables(predictor: Any) -> dict[str, Any]:
    """Those that the signatures read, by name; the number keeps equal names apart."""
    signatures = predictor.runtime.model.signatures.values()
    read = {id(v): v for signature in signatures for v in signature.graph.variables}
    return {f"{v.name} ({number})": v for number, v in enumerate(read.values())}
