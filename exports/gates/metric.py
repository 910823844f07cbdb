"""Gate `metric`: is it as good at its task as the model, and as what is served now?"""

from typing import Any

import numpy as np

from ..calibration_error import expected_calibration_error
from ..predictor import Predictor, open_version
from .candidate import Candidate, Features
from .result import GateResult

__all__ = ["check"]

NAME = "metric"
_TINY = np.finfo(np.float32).tiny


def check(candidate: Candidate) -> GateResult | None:
    """Fails an accuracy on `data` below the model's or the live version's by more than allowed.

    Labels may be class ids or names; by name, two versions are compared even if the order of their
    classes differs. None without data.
    """
    if candidate.data is None:
        return None
    features, labels = candidate.data[0], np.asarray(candidate.data[1])
    answer = candidate.predictor.predict(features)
    figures = {"accuracy": _accuracy(answer, labels)}
    if labels.dtype.kind in "iu":
        chosen = answer["probabilities"][np.arange(len(labels)), labels]
        figures["negative_log_likelihood"] = float(-np.log(np.maximum(chosen, _TINY)).mean())
        error = expected_calibration_error(answer["probabilities"], labels)
        figures["calibration_error"] = error
    if candidate.expected is not None:
        figures["model_accuracy"] = _accuracy(_of_model(candidate, features), labels)
    if candidate.live is not None:
        live: Predictor = open_version(candidate.live)
        figures["live_accuracy"] = _accuracy(live.predict(features), labels)
    for other in ("model", "live"):
        least = figures.get(f"{other}_accuracy", 0.0) - candidate.allowed_drop
        if figures["accuracy"] < least:
            detail = (
                f"Expected an accuracy of at least {least:.4f}, that of the {other} less "
                f"{candidate.allowed_drop:g}. Received: {figures['accuracy']:.4f}"
            )
            return GateResult(NAME, False, detail, figures)
    said = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in figures.items())
    detail = f"{said} on {len(labels)} rows"
    return GateResult(NAME, True, detail, figures)


def _accuracy(answer: Any, labels: np.ndarray) -> float:
    given = answer["class_id"] if labels.dtype.kind in "iu" else answer["label"]
    return float(np.mean(given == labels))


def _of_model(candidate: Candidate, features: Features) -> dict[str, np.ndarray]:
    if candidate.expected is None:
        raise ValueError("Expected a model to compare with. Received: None")
    class_id = candidate.expected(features).argmax(axis=-1)
    names = np.array(candidate.class_names or candidate.predictor.class_names)
    return {"class_id": class_id, "label": names[class_id]}
