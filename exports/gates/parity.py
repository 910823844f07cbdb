"""Gates against the model in memory: its probabilities, and the names of its classes."""

from collections.abc import Sequence

import numpy as np

from ..servable import SIGNATURE
from .gate import ExportCandidate, GateResult, failed, gate, passed
from .sample import sample, tolerance

_BATCHES = (1, 3, 32)  # rows; each batch is the start of the last one


@gate("saved_model", "exact_format")
def parity(candidate: ExportCandidate) -> GateResult | None:
    """Fail if answers differ from `model.predict` on a sample of 1, 3 and 32 rows.

    Probabilities may differ by 1e-5 times the size of the logits behind them (1e-3 in float16,
    1e-2 in bfloat16), and class ids where the two largest probabilities are about that close.
    """
    if candidate.expected is None:
        return None
    features = sample(candidate.predictor, SIGNATURE, max(_BATCHES))
    right = candidate.expected(features)
    sums = right.sum(axis=-1)
    if np.any(np.abs(sums - 1) >= 1e-2) or not right.min() >= 0:
        return failed(
            "model.predict must return probabilities of exclusive classes, >= 0 and with sum 1. "
            f"Received: sums from {sums.min():.3g} to {sums.max():.3g}, minimum {right.min():.3g}"
        )
    # The probabilities show the rounding of the logits, whose size is about max |log p|.
    logits = -np.log(np.maximum(right.min(axis=-1), np.finfo(np.float32).tiny))
    allowed = tolerance(candidate.precision) * np.maximum(1.0, logits)
    best = np.sort(right, axis=-1)
    clear = best[:, -1] - best[:, -2] > 2 * allowed
    largest = 0.0
    for rows in _BATCHES:
        answer = candidate.predictor.predict({name: x[:rows] for name, x in features.items()})
        distance = np.abs(answer["probabilities"] - right[:rows]).max(axis=-1)
        if not np.all(distance <= allowed[:rows]):
            row = np.argmax(distance - allowed[:rows])
            return failed(
                f"The probabilities must be within {allowed[row]:.1e} of model.predict. "
                f"Received: a difference of {distance[row]:.1e} in row {row} of {rows}"
            )
        class_ids = right[:rows].argmax(axis=-1)
        wrong = clear[:rows] & (answer["class_id"] != class_ids)
        if wrong.any():
            return failed(
                f"The class ids must be {class_ids[wrong]}. Received: {answer['class_id'][wrong]}"
            )
        largest = max(largest, float(distance.max()))
    return passed(f"within {largest:.1e} of model.predict", {"difference": largest})


@gate("saved_model", "exact_format", "approximate_format")
def labels(candidate: ExportCandidate) -> GateResult:
    """Fail if `class_names`, `label` and `classes` do not give a class id the same name."""
    predictor = candidate.predictor
    names = predictor.class_names
    expected = names if candidate.class_names is None else candidate.class_names
    if names != expected:
        return _wrong_labels(expected, names)
    answer = predictor.call(SIGNATURE, **sample(predictor, SIGNATURE, rows=64))
    right = np.array(names)[answer["class_id"]]
    if not np.array_equal(answer["label"], right):
        return _wrong_labels(right[:5], answer["label"][:5])
    if "classify" in predictor.signatures:
        classes = predictor.call("classify", **sample(predictor, "classify", 1))["classes"][0]
        if not np.array_equal(classes, names):
            return _wrong_labels(names, classes)
    return passed("every class id has its name", {"classes": len(names)})


def _wrong_labels(*labels: Sequence[str] | np.ndarray) -> GateResult:
    expected, received = (
        f"{list(map(str, names[:10]))}{' ...' * (len(names) > 10)}" for names in labels
    )
    return failed(f"The labels must be {expected}. Received: {received}")
