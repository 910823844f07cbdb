"""Gate `agreement`: does an approximation decide as the model does, and is it as sure?"""

from collections.abc import Sequence

import numpy as np

from ..errors import ExportError
from .candidate import Candidate
from .result import GateResult

__all__ = ["check"]

NAME = "agreement"
_LEAST = 2.0**-9  # half a step of a probability in 8 bits: nothing smaller can be told apart


def check(candidate: Candidate) -> GateResult | None:
    """Fails other class ids than the model's, or a higher negative log-likelihood.

    On `data`, a share of at least `least_agreement` of the class ids must be the model's, and the
    negative log-likelihood of the labels may be `allowed_rise` nats above the model's, where
    probabilities below 1/512 count as that. None without a model or data.
    """
    if candidate.expected is None or candidate.data is None:
        return None
    features, given = candidate.data
    labels = _class_ids(np.asarray(given), candidate.predictor.class_names)
    answer, right = candidate.predictor.predict(features), candidate.expected(features)
    agreement = float(np.mean(answer["class_id"] == right.argmax(axis=-1)))
    rise = _likelihood(answer["probabilities"], labels) - _likelihood(right, labels)
    figures = {"agreement": agreement, "rise": rise}
    least, most = candidate.least_agreement, candidate.allowed_rise
    found = f"{agreement:.4f} of the class ids, and {rise:+.4f} nats"
    if agreement >= least and rise <= most:
        return GateResult(NAME, True, f"{found} on {len(labels)} rows", figures)
    detail = (
        f"Expected at least {least:g} of the model's class ids, and its negative log-likelihood "
        f"plus at most {most:g} nats. Received: {found}"
    )
    return GateResult(NAME, False, detail, figures)


def _class_ids(labels: np.ndarray, class_names: Sequence[str]) -> np.ndarray:
    if labels.dtype.kind in "iu":
        return labels
    if unknown := sorted(set(labels.tolist()) - set(class_names)):
        raise ExportError(f"Expected labels among {list(class_names)}. Received: {unknown}")
    return np.array([class_names.index(label) for label in labels])


def _likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The negative logarithm, on average."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, _LEAST)).mean())
