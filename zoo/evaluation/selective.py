"""`risk_coverage`: how much fewer mistakes a model makes if it may decline to answer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...core.arrays import float_array
from ...core.checks import message


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """The risk of a model that answers only where it is most confident.

    Args:
        coverage: The share of the rows that are answered: 1/n, 2/n, ..., 1.
        risk: The share of mistakes among these rows.
        aurc: The mean of the risk, the area under the curve.
        best_aurc: The area if all mistakes were the least confident rows.
    """

    coverage: np.ndarray
    risk: np.ndarray
    aurc: float
    best_aurc: float

    @property
    def excess_aurc(self) -> float:
        """The part of the area that a better order of the same answers would avoid."""
        return self.aurc - self.best_aurc

    def to_dict(self) -> dict[str, Any]:
        """Return the areas, and the risk at 50%, 60%, ..., 100% coverage, as JSON values."""
        shares = np.arange(5, 11) / 10
        rows = np.maximum(np.round(shares * len(self.risk)).astype(int), 1) - 1
        risks = self.risk[rows].tolist()
        return {
            "aurc": self.aurc,
            "best_aurc": self.best_aurc,
            "excess_aurc": self.excess_aurc,
            "risk_at": {f"{c:.1f}": risk for c, risk in zip(shares, risks, strict=True)},
        }


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> RiskCoverage:
    """Return the risk-coverage curve of predictions.

        risk(k / n) = 1/k sum of the mistakes among the k most confident rows
        AURC = 1/n sum_k risk(k / n)

    Rows of equal confidence come in any order; the risk is the mean over these orders.

    Args:
        confidence: A number for each row, `(n,)`, larger where the prediction is more certain, such
            as the largest probability, or the negative entropy.
        correct: Whether the prediction is right, `(n,)`.

    Raises:
        ValueError: If the arrays are empty, differ in shape, or `confidence` has NaN.

    Example: the one mistake is the second of four rows.

    >>> curve = risk_coverage([0.9, 0.8, 0.7, 0.6], [True, False, True, True])
    >>> curve.risk.round(3).tolist(), round(curve.aurc, 3), round(curve.best_aurc, 3)
    ([0.0, 0.5, 0.333, 0.25], 0.271, 0.062)

    References: Geifman & El-Yaniv, Selective Classification for Deep Neural Networks, 2017,
    https://arxiv.org/abs/1705.08500; the excess: Geifman et al., Bias-Reduced Uncertainty
    Estimation for Deep Neural Classifiers, 2019, https://arxiv.org/abs/1805.08206
    """
    confidence = float_array("confidence", confidence, "numbers of shape (n,), n > 0")
    expected = f"booleans of shape {confidence.shape}, like `confidence`"
    mistakes = 1.0 - float_array("correct", correct, expected)
    if confidence.ndim != 1 or not len(confidence) or np.isnan(confidence).any():
        raise ValueError(message("confidence", confidence, "numbers of shape (n,), n > 0"))
    if mistakes.shape != confidence.shape or not np.isin(mistakes, (0, 1)).all():
        raise ValueError(message("correct", correct, expected))
    ordered = shared_by_ties(confidence, mistakes)[np.argsort(-confidence, kind="stable")]
    number = np.arange(1, len(ordered) + 1)
    risk = np.cumsum(ordered) / number
    best = np.cumsum(np.sort(mistakes)) / number
    return RiskCoverage(number / len(ordered), risk, float(risk.mean()), float(best.mean()))


def shared_by_ties(keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the mean of the values of all rows with the same key, so that ties count alike.

    >>> shared_by_ties(np.array([0.5, 0.9, 0.5]), np.array([1.0, 1.0, 0.0])).tolist()
    [0.5, 1.0, 0.5]
    """
    _, group, count = np.unique(keys, return_inverse=True, return_counts=True)
    return (np.bincount(group, values) / count)[group]
