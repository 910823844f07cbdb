"""Gates against the model in memory: its answers and their names."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..predictor import decoded
from ..servable import SIGNATURE
from .gate import ExportCandidate, GateResult, failed, gate, passed
from .sample import difference, sample, tolerance

_BATCHES = (1, 3, 32)  # rows; each batch is the start of the last one


@gate("saved_model", "exact_format")
def parity(candidate: ExportCandidate) -> GateResult | None:
    """Fail if answers differ from `model.predict` on a sample of 1, 3 and 32 rows.

    Probabilities may differ by 1e-5 times the size of the logits behind them (1e-3 in float16,
    1e-2 in bfloat16), and class ids where the two largest probabilities are about that close; other
    numbers by as much times the largest value of their target or output.
    """
    if candidate.expected is None:
        return None
    predictor, allowed = candidate.predictor, tolerance(candidate.precision)
    features = sample(predictor, SIGNATURE, max(_BATCHES))
    right = candidate.expected(features)
    if problem := predictor.head.problem(right):
        return failed(problem)
    text = predictor.head.text_answers  # which the gate `labels` compares
    right = {name: x for name, x in right.items() if name not in text}
    largest = 0.0
    for rows in _BATCHES:
        answer = predictor.predict({name: x[:rows] for name, x in features.items()})
        if missing := sorted(right.keys() - answer.keys()):
            return failed(f"The answers must have {missing}. Received: {sorted(answer)}")
        if found := difference(answer, right, allowed, predictor.head, rows):
            return failed(f"{rows} row(s) must get the answers of model.predict. Received: {found}")
        floats = (name for name, x in right.items() if x.dtype.kind == "f")
        distances = (np.abs(answer[name] - right[name][:rows]) for name in floats)
        largest = max([largest, *(float(np.nanmax(x, initial=0.0)) for x in distances)])
    return passed(f"within {largest:.1e} of model.predict", {"difference": largest})


@gate("saved_model", "exact_format", "approximate_format")
def labels(candidate: ExportCandidate) -> GateResult:
    """Fail if names differ from the model's, or `label`, `labels` or `classes` from the names."""
    predictor = candidate.predictor
    head = predictor.head
    expected = head.names if candidate.head is None else candidate.head.names
    if head.names != expected:
        return _wrong_labels(expected, head.names)
    answer = predictor.call(SIGNATURE, **sample(predictor, SIGNATURE, rows=64))
    numbers = {n: tf.constant(x) for n, x in answer.items() if n not in head.text_answers}
    for name, tensor in head.text(numbers).items():
        right = decoded(tensor.numpy())
        if not np.array_equal(answer[name], right):
            return _wrong_labels(right[:5].ravel(), answer[name][:5].ravel())
    if "classify" in predictor.signatures:
        classes = predictor.call("classify", **sample(predictor, "classify", 1))["classes"][0]
        if not np.array_equal(classes, head.names):
            return _wrong_labels(head.names, classes)
    return passed("every answer has its name", {head.title.lower(): len(head.names)})


def _wrong_labels(*labels: Sequence[str] | np.ndarray) -> GateResult:
    expected, received = (
        f"{list(map(str, names[:10]))}{' ...' * (len(names) > 10)}" for names in labels
    )
    return failed(f"The labels must be {expected}. Received: {received}")
