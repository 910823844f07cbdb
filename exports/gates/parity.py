"""Gate `parity`: does the written model say what the model in memory says?"""

import numpy as np

from ..servable import SIGNATURE
from .candidate import Candidate
from .difference import tolerance
from .result import GateResult
from .sample import sample

__all__ = ["check"]

NAME = "parity"
_BATCHES = (1, 3, 32)  # alone, an odd few, a batch; the last one holds the others


def check(candidate: Candidate) -> GateResult | None:
    """Fails what differs from `model.predict` on a sample, asked for 1, 3 and 32 rows.

    Probabilities may differ by 1e-5 times the size of the logits behind them (1e-3 in float16,
    1e-2 in bfloat16); class ids only where the two best classes are about as close as that. None
    without a model.
    """
    if candidate.expected is None:
        return None
    features = sample(candidate.predictor, SIGNATURE, max(_BATCHES))
    right = candidate.expected(features)
    if wrong := _no_probabilities(right):
        return GateResult(NAME, False, wrong)
    allowed = _allowed(right, candidate.precision)
    largest = 0.0
    for rows in _BATCHES:
        some = {name: array[:rows] for name, array in features.items()}
        answer = candidate.predictor.predict(some)
        distance = np.abs(answer["probabilities"] - right[:rows]).max(axis=-1)
        wrong = _too_far(distance, allowed[:rows])
        wrong = wrong or _wrong_class_ids(answer["class_id"], right[:rows], allowed[:rows])
        if wrong:
            return GateResult(NAME, False, wrong)
        largest = max(largest, float(distance.max()))
    detail = f"within {largest:.1e} of model.predict"
    return GateResult(NAME, True, detail, {"difference": largest})


def _no_probabilities(right: np.ndarray) -> str | None:
    sums = right.sum(axis=-1)
    if np.all(np.abs(sums - 1) < 1e-2) and right.min() >= 0:
        return None
    return (
        "Expected probabilities of exclusive classes, none negative and each row with the sum "
        f"1. Received: sums from {sums.min():.3g} to {sums.max():.3g} and a smallest of "
        f"{right.min():.3g} from model.predict on a sample batch"
    )


def _allowed(right: np.ndarray, precision: str) -> np.ndarray:
    """One a row, scaled by its largest |log p|: the size of the logits whose rounding p shows."""
    logits = -np.log(np.maximum(right.min(axis=-1), np.finfo(np.float32).tiny))
    return tolerance(precision) * np.maximum(1.0, logits)


def _too_far(distance: np.ndarray, allowed: np.ndarray) -> str | None:
    if np.all(distance <= allowed):
        return None
    row = np.argmax(distance - allowed)
    return (
        f"Expected the probabilities of model.predict within {allowed[row]:.1e}. "
        f"Received: a difference of {distance[row]:.1e} in row {row} of {len(distance)}"
    )


def _wrong_class_ids(class_ids: np.ndarray, right: np.ndarray, allowed: np.ndarray) -> str | None:
    best = np.sort(right, axis=-1)
    clear = best[:, -1] - best[:, -2] > 2 * allowed
    wrong = clear & (class_ids != right.argmax(axis=-1))
    if not wrong.any():
        return None
    return f"Expected the class ids {right.argmax(axis=-1)[wrong]}. Received: {class_ids[wrong]}"
