"""Gate `latency`: is one row answered about as fast as by another SavedModel?"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ..servable import SIGNATURE
from .candidate import Candidate
from .result import GateResult
from .sample import sample
from .timing import medians

__all__ = ["check"]

NAME = "latency"
_ROUNDS = 30


def check(candidate: Candidate) -> GateResult | None:
    """Fails what takes longer for one row than `latency_ratio` times what `plain` takes.

    Medians of 30 requests each, in turns, so that whatever else the machine does slows down both.
    None without `plain`.
    """
    if candidate.plain is None:
        return None
    features = sample(candidate.predictor, SIGNATURE, 1)
    rows = [tf.constant(array) for array in features.values()]
    plain: Any = tf.saved_model.load(str(candidate.plain))
    asked = [_question(model, rows) for model in (candidate.predictor.runtime.model, plain)]
    ours, theirs = medians(asked, _ROUNDS)
    ratio = ours / theirs
    figures = {"seconds": ours, "plain_seconds": theirs, "ratio": ratio}
    said = f"{ratio:.2f} times the latency of the plain SavedModel"
    if ratio <= candidate.latency_ratio:
        return GateResult(NAME, True, said, figures)
    detail = f"Expected at most {candidate.latency_ratio:g} times the latency. Received: {said}"
    return GateResult(NAME, False, detail, figures)


def _question(model: Any, rows: list[tf.Tensor]) -> Callable[[], Any]:
    """Asks by position in the order of names, since another SavedModel may have other ones."""
    function = model.signatures[SIGNATURE]
    names = sorted(function.structured_input_signature[1])
    named = dict(zip(names, rows, strict=True))
    return lambda: function(**named)
