"""`MultilabelHead`: independent yes/no labels, and thresholds fitted for their F1."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ...core.checks import message
from .classification import moments
from .head import Agreement, Head, chosen_names, count_chosen

_TINY = float(np.finfo("float32").tiny)
_HALF_STEP = 2.0**-9  # of a probability in 8 bits, which holds nothing smaller


@dataclass(frozen=True)
class MultilabelHead(Head):
    """Independent yes/no labels, one for each output unit.

    Answers: `probabilities`, float32 `(n, labels)`; `labels`, string `(n, labels)`, the names of
    the labels whose probability is above their threshold, in order, padded with ""; `count`, int64
    `(n,)`, how many there are.

    Args:
        names: The name of each label.
        from_logits: Whether the outputs are logits rather than probabilities.
        thresholds: The threshold of each label; by default 0.5.
    """

    from_logits: bool = False
    thresholds: tuple[float, ...] = ()

    task = "multilabel"
    title = "Labels"
    noun = "multilabel classifier"
    text_answers = ("labels",)

    def __post_init__(self):
        if not self.thresholds:
            object.__setattr__(self, "thresholds", (0.5,) * len(self.names))

    def numbers(self, outputs):
        p = self._probabilities(outputs[0])
        return {"probabilities": p, "count": count_chosen(self._chosen(p))}

    def text(self, numbers):
        return {"labels": chosen_names(self.names, self._chosen(numbers["probabilities"]))}

    def logits(self, outputs):
        z = tf.cast(outputs[0], tf.float32)
        if self.from_logits:
            return z
        return tf.math.log(tf.maximum(z, _TINY)) - tf.math.log(tf.maximum(1 - z, _TINY))

    def uncertainty(self, passes):
        """Return the moments of each label, from outputs `(n, T, labels)`."""
        p = self._probabilities(passes)
        found = [
            moments(tf.stack([1 - p[..., k], p[..., k]], axis=-1)) for k in range(len(self.names))
        ]
        stacked = {name: tf.stack([f[name] for f in found], axis=1) for name in found[0]}
        return {n: x[..., 1] if x.shape.rank == 3 else x for n, x in stacked.items()}

    def limit(self, answers, name, relative):
        if name != "probabilities":
            return super().limit(answers, name, relative)
        p = np.nan_to_num(answers[name], nan=0.5)  # shows the rounding of its logit
        return relative * np.maximum(1.0, -np.log(np.maximum(np.minimum(p, 1 - p), _TINY)))

    def unclear(self, answers, relative):
        if "probabilities" not in answers:
            return {}
        distance = np.abs(answers["probabilities"] - np.float32(self.thresholds))
        close = (distance <= 2 * self.limit(answers, "probabilities", relative)).any(axis=-1)
        return {"labels": close, "count": close}

    def problem(self, answers):
        p = answers["probabilities"]
        if not (p.min() >= 0 and p.max() <= 1):
            return (
                "model.predict must return probabilities from 0 to 1. Received: from "
                f"{p.min():.3g} to {p.max():.3g}"
            )
        return None

    def targets(self, data):
        return _binary(data, "data", len(self.names))

    def scores(self, answers, targets):
        given, true = self._above(answers["probabilities"]), targets.astype(bool)
        return {
            "macro_f1": float(
                np.mean([_f1(given[:, k], true[:, k]) for k in range(true.shape[1])])
            ),
            "subset_accuracy": float(np.mean((given == true).all(axis=-1))),
            "log_loss": _log_loss(answers["probabilities"], true, _TINY),
        }

    def compares_with(self, other):
        return super().compares_with(other) and self.names == other.names

    def drops(self, checks):
        return {
            "macro_f1": checks.max_accuracy_drop,
            "subset_accuracy": checks.max_accuracy_drop,
        }

    def agreement(self, answers, right, targets, checks):
        """Compare yes or no for each label and row, and the likelihood."""
        p, q = answers["probabilities"], right["probabilities"]
        share = float(np.mean(self._above(p) == self._above(q)))
        true = targets.astype(bool)
        rise = _log_loss(p, true, _HALF_STEP) - _log_loss(q, true, _HALF_STEP)
        return Agreement(
            {"agreement": share, "nll_increase": rise},
            f"{share:.4f} of the labels, and {rise:+.4f} nats",
            f"At least {checks.min_agreement:g} of the labels must be the model's, and the "
            f"negative log-likelihood at most {checks.max_nll_increase:g} nats higher",
            share >= checks.min_agreement and rise <= checks.max_nll_increase,
        )

    def _probabilities(self, outputs: tf.Tensor) -> tf.Tensor:
        outputs = tf.cast(outputs, tf.float32)
        return tf.sigmoid(outputs) if self.from_logits else outputs

    def _chosen(self, p: tf.Tensor) -> tf.Tensor:
        return p > tf.constant(self.thresholds, tf.float32)

    def _above(self, p: np.ndarray) -> np.ndarray:
        return p > np.float32(self.thresholds)


def fit_thresholds(probabilities: ArrayLike, y: ArrayLike) -> list[float]:
    """Return the threshold of each label that maximizes its F1 on validation data.

        F1 = 2 TP / (2 TP + FP + FN)

    A label is predicted if its probability is above its threshold. Between two neighboring
    probabilities F1 is constant; the threshold lies halfway, and of equal ones nearest to 0.5. A
    label without a positive sample keeps 0.5. Pass the thresholds to `export(..., thresholds=...)`.

    Args:
        probabilities: Probabilities of shape `(n, labels)` on validation data.
        y: Targets of shape `(n, labels)`, each 0 or 1.

    Raises:
        ValueError: If the shapes do not fit, a probability is not in [0, 1], or a target is not 0
            or 1.

    Example: three samples, the first two of them positive.

    >>> fit_thresholds([[0.3], [0.2], [0.0]], [[1], [1], [0]])
    [0.1]

    Reference: Lipton et al., Optimal Thresholding of Classifiers to Maximize F1 Measure, 2014,
        https://arxiv.org/abs/1402.1892
    """
    try:
        p = np.asarray(probabilities, "float64")
    except (TypeError, ValueError):  # NumPy's message does not name the argument
        expected = "numbers from 0 to 1 of shape (n, labels), n >= 1"
        raise ValueError(message("probabilities", probabilities, expected)) from None
    if p.ndim != 2 or not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            "`probabilities` must be numbers from 0 to 1 of shape (n, labels), n >= 1. "
            f"Received: shape {p.shape}, {np.sum(~((p >= 0) & (p <= 1)))} values outside"
        )
    true = _binary(y, "y", p.shape[1])
    if len(true) != len(p):
        raise ValueError(f"`y` must have {len(p)} rows. Received: {len(true)}")
    return [_threshold(p[:, k], true[:, k]) for k in range(p.shape[1])]


def _threshold(p: np.ndarray, true: np.ndarray) -> float:
    if not true.any():
        return 0.5
    edges = np.unique(np.concatenate([[0.0], p, [1.0]]))
    middles = (edges[:-1] + edges[1:]) / 2
    order = np.argsort(-p, kind="stable")
    hits = np.concatenate([[0], np.cumsum(true[order])])  # among the most probable ones
    above = len(p) - np.searchsorted(np.sort(p), middles, side="right")
    f1 = 2 * hits[above] / (above + true.sum())
    best = middles[np.isclose(f1, f1.max(), rtol=1e-12, atol=0)]
    return float(best[np.argmin(np.abs(best - 0.5))])


def _binary(data: ArrayLike, name: str, labels: int) -> np.ndarray:
    try:
        targets = np.asarray(data)
    except ValueError:
        targets = np.array(None)  # rows of unequal sizes
    numbers = targets.dtype.kind in "biuf" and targets.ndim == 2 and targets.shape[1] == labels
    if not numbers or not np.isin(targets, (0, 1)).all():
        raise ValueError(
            f"`{name}` must have targets of 0 and 1 of shape (n, {labels}), one column for each "
            f"label. Received: {targets.dtype} of shape {targets.shape}"
        )
    return targets.astype("int64")


def _f1(given: np.ndarray, true: np.ndarray) -> float:
    """Return F1, which is 0 if nothing is positive, as in scikit-learn."""
    both = np.sum(given) + np.sum(true)
    return float(2 * np.sum(given & true) / both) if both else 0.0


def _log_loss(p: np.ndarray, true: np.ndarray, smallest: float) -> float:
    chosen = np.where(true, p, 1 - p)
    return float(-np.log(np.maximum(chosen, smallest)).mean())
