"""`Answers`: what the outputs of any Keras model mean for a task."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.special import expit, softmax

from ...core.checks import message
from ...exports.heads import Head, MultilabelHead, RegressionHead
from ...exports.heads.choose import Told, choose_head
from ..models.blueprint import blueprint_of
from ..tasks import Given, Task

_TINY = float(np.finfo("float32").tiny)
_KINDS = ("classification", "multilabel", "regression")


@dataclass(frozen=True, eq=False)
class PredictiveDistribution:
    """The mean and the spread of T predictions of the same inputs.

    For p_t the probabilities of the t-th prediction, or the values of a regression, and
    H[p] = - sum_c p_c log p_c,

        mean = 1/T sum_t p_t                    standard_deviation = sqrt(1/T sum_t (p_t - mean)^2)
        predictive_entropy = H[mean]            mutual_information = H[mean] - 1/T sum_t H[p_t]

    The entropy is large if the answer is uncertain for any reason; the mutual information is large
    if the predictions contradict each other, since the model has not learned such inputs.

    Args:
        passes: The probabilities `(T, n, classes)` or `(T, n, labels)`, or values
            `(T, n, targets)`.
        mean: Their mean, `(n, ...)`.
        standard_deviation: Their standard deviation, `(n, ...)`.
        predictive_entropy: The entropy of the mean in nats, `(n,)`, or `(n, labels)` for each label
            by itself; `None` for a regression.
        mutual_information: The part of it that the predictions disagree on, in the same shape;
            `None` for a regression.

    Reference: Houlsby et al., Bayesian Active Learning for Classification and Preference Learning,
    2011, https://arxiv.org/abs/1112.5745
    """

    passes: np.ndarray
    mean: np.ndarray
    standard_deviation: np.ndarray
    predictive_entropy: np.ndarray | None = None
    mutual_information: np.ndarray | None = None


class Answers:
    """The map from the outputs of a model to logits and probabilities, or values.

    Whether the outputs are logits or probabilities is told by the last activation and the compiled
    loss, in the same way as in `occam.exports.export`.

    Args:
        model: A model of the zoo, or any Keras model with one output `(n, units)`.
        outputs: Some outputs of it.
        task: The task or its kind; by default, that of the model.

    Raises:
        ValueError: If the outputs could mean two things, or do not suit the task.
    """

    def __init__(self, model: keras.Model, outputs: Any, task: Task | str | None = None):
        blueprint = blueprint_of(model)
        if task is None and blueprint is not None:
            task = blueprint.task
        kind = task.kind if isinstance(task, Task) else task
        if isinstance(task, Given) or kind not in (None, *_KINDS):
            expected = f"one of {', '.join(map(repr, _KINDS))}, or a zoo.Task of that kind"
            raise ValueError(message("task", kind, expected))
        self.head: Head = choose_head(model, outputs, Told(kind))
        if self.head.task not in _KINDS:
            raise ValueError(
                "`model` must have one output of shape (n, units). Received: "
                f"{keras.tree.map_structure(np.shape, outputs)}"
            )
        if isinstance(task, Task) and len(self.head.names) != task.units:
            raise ValueError(
                f"`model` must have outputs for the {task.units} names of its task. "
                f"Received: {model.name!r} with outputs for {len(self.head.names)}"
            )

    @property
    def kind(self) -> str:
        """The kind of the task."""
        return self.head.task

    @property
    def from_logits(self) -> bool:
        """Whether the outputs are logits."""
        return getattr(self.head, "from_logits", False)

    def logits(self, outputs: np.ndarray) -> np.ndarray:
        """Return float64 logits `(n, classes)` or `(n, labels)`, or the values of a regression.

        The logits of probabilities are their logarithms, or their log-odds for labels. One unit
        stands for two classes: `(0, z)`.
        """
        z = np.asarray(outputs, "float64")
        if isinstance(self.head, RegressionHead):
            return z
        if isinstance(self.head, MultilabelHead) or z.shape[1] > 1:
            return z if self.from_logits else self.inverse(z)
        pair = (np.zeros_like(z), z) if self.from_logits else (_log1m(z), _log(z))
        return np.concatenate(pair, axis=1)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities behind the result of `logits`, or the values."""
        if isinstance(self.head, RegressionHead):
            return logits
        return expit(logits) if isinstance(self.head, MultilabelHead) else softmax(logits, axis=-1)

    def inverse(self, probabilities: np.ndarray) -> np.ndarray:
        """Return logits for `probabilities`, or the values of a regression."""
        if isinstance(self.head, RegressionHead):
            return probabilities
        odds = isinstance(self.head, MultilabelHead)
        return _log(probabilities) - (_log1m(probabilities) if odds else 0)

    def distribution(self, passes: np.ndarray) -> PredictiveDistribution:
        """Return the moments of `probabilities` `(T, n, ...)`, as `exports.Uncertainty` does."""
        given: Any = {} if isinstance(self.head, RegressionHead) else {"from_logits": False}
        head = dataclasses.replace(self.head, **given)
        found = head.uncertainty(tf.constant(np.moveaxis(passes, 0, 1), tf.float32))
        return PredictiveDistribution(passes, **{n: value.numpy() for n, value in found.items()})


def check_outputs(model: keras.Model, outputs: Any) -> None:
    """Raise a `ValueError` if an output of a model is not a finite number."""
    if wrong := int((~np.isfinite(np.asarray(outputs, "float64"))).sum()):
        raise ValueError(
            "`model` must return finite numbers; its training may have diverged. Received: "
            f"{model.name!r} with {wrong} of {np.size(outputs)} outputs that are NaN or infinite"
        )


def _log(p: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(p, _TINY))


def _log1m(p: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(1 - p, _TINY))
