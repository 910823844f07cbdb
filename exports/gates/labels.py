"""Gate `labels`: is each class called what it should be called?"""

import numpy as np

from ..servable import SIGNATURE
from .candidate import Candidate
from .result import GateResult
from .sample import sample

__all__ = ["check"]

NAME = "labels"
_ROWS = 64


def check(candidate: Candidate) -> GateResult:
    """Fails where `class_names`, `label` and `classes` do not say the same of a class id."""
    predictor = candidate.predictor
    names = predictor.class_names
    expected = names if candidate.class_names is None else candidate.class_names
    if names != expected:
        return _wrong(expected, names)
    answer = predictor.call(SIGNATURE, **sample(predictor, SIGNATURE, _ROWS))
    right = np.array(names)[answer["class_id"]]
    if not np.array_equal(answer["label"], right):
        return _wrong(right[:5], answer["label"][:5])
    if "classify" in predictor.signatures:
        classes = predictor.call("classify", **sample(predictor, "classify", 1))["classes"][0]
        if not np.array_equal(classes, names):
            return _wrong(names, classes)
    return GateResult(NAME, True, "every class id has its name", {"classes": len(names)})


def _wrong(expected: object, received: object) -> GateResult:
    shown = f"Expected the labels {_first(expected)}. Received: {_first(received)}"
    return GateResult(NAME, False, shown)


def _first(names: object, most: int = 10) -> str:
    given = [str(name) for name in names]  # pyright: ignore[reportGeneralTypeIssues]
    return f"{given[:most]}{' ...' if len(given) > most else ''}"
