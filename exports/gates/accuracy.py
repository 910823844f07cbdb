"""Gates on labelled data: the accuracy, and the agreement of approximate formats."""

from typing import Any

import numpy as np

from ..calibration import expected_calibration_error
from ..saved_model import open_version
from .gate import ExportCandidate, GateResult, failed, gate, passed

_TINY = float(np.finfo(np.float32).tiny)
_HALF_STEP = 2.0**-9  # of a probability in 8 bits, which holds nothing smaller


@gate("saved_model", "exact_format", "approximate_format")
def metric(candidate: ExportCandidate) -> GateResult | None:
    """Fail an accuracy more than `max_accuracy_drop` below the model's or the live version's.

    Labels may be class ids or names; names also compare versions with another order of classes.
    """
    if candidate.checks.data is None:
        return None
    features, labels = candidate.checks.data[0], np.asarray(candidate.checks.data[1])
    answer = candidate.predictor.predict(features)
    figures = {"accuracy": _accuracy(answer, labels)}
    if labels.dtype.kind in "iu":
        probabilities = answer["probabilities"]
        figures["negative_log_likelihood"] = _negative_log_likelihood(probabilities, labels, _TINY)
        figures["calibration_error"] = expected_calibration_error(probabilities, labels)
    if candidate.expected is not None:
        class_id = candidate.expected(features).argmax(axis=-1)
        names = np.array(candidate.class_names or candidate.predictor.class_names)
        model = {"class_id": class_id, "label": names[class_id]}
        figures["model_accuracy"] = _accuracy(model, labels)
    if candidate.live is not None:
        live = open_version(candidate.live)
        figures["live_accuracy"] = _accuracy(live.predict(features), labels)
    drop = candidate.checks.max_accuracy_drop
    for other in ("model", "live"):
        least = figures.get(f"{other}_accuracy", 0.0) - drop
        if figures["accuracy"] < least:
            return failed(
                f"The accuracy must be at least {least:.4f}, {drop:g} below the "
                f"{'live version' if other == 'live' else 'model'}. "
                f"Received: {figures['accuracy']:.4f}",
                figures,
            )
    found = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in figures.items())
    return passed(f"{found} on {len(labels)} rows", figures)


@gate("approximate_format")
def agreement(candidate: ExportCandidate) -> GateResult | None:
    """Fail if too few class ids agree with the model's, or the negative log-likelihood rises.

    The limits are `min_agreement` and `max_nll_increase`. Probabilities below 1/512 count as 1/512.
    """
    checks = candidate.checks
    if candidate.expected is None or checks.data is None:
        return None
    features = checks.data[0]
    labels = np.asarray(checks.data[1])
    if labels.dtype.kind not in "iu":
        class_names = candidate.predictor.class_names
        labels = np.array([class_names.index(label) for label in labels])
    answer, right = candidate.predictor.predict(features), candidate.expected(features)
    share = float(np.mean(answer["class_id"] == right.argmax(axis=-1)))
    ours, model = (
        _negative_log_likelihood(p, labels, _HALF_STEP) for p in (answer["probabilities"], right)
    )
    figures = {"agreement": share, "nll_increase": ours - model}
    found = f"{share:.4f} of the class ids, and {ours - model:+.4f} nats"
    if share >= checks.min_agreement and ours - model <= checks.max_nll_increase:
        return passed(f"{found} on {len(labels)} rows", figures)
    return failed(
        f"At least {checks.min_agreement:g} of the class ids must be the model's, and the negative "
        f"log-likelihood at most {checks.max_nll_increase:g} nats higher. Received: {found}",
        figures,
    )


def _accuracy(answer: Any, labels: np.ndarray) -> float:
    given = answer["class_id"] if labels.dtype.kind in "iu" else answer["label"]
    return float(np.mean(given == labels))


def _negative_log_likelihood(
    probabilities: np.ndarray, labels: np.ndarray, smallest: float
) -> float:
    """Return the mean of -log p of the labels, with probabilities of at least `smallest`."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, smallest)).mean())
