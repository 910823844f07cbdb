"""`Answers`: what the outputs of any Keras model mean for a task."""

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
        if isinstance(self.head, MultilabelHead):
            return z if self.from_logits else _log(z) - _log1m(z)
        if z.shape[1] == 1:
            pair = (np.zeros_like(z), z) if self.from_logits else (_log1m(z), _log(z))
            return np.concatenate(pair, axis=1)
        return z if self.from_logits else _log(z)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities behind the result of `logits`."""
        return expit(logits) if isinstance(self.head, MultilabelHead) else softmax(logits, axis=1)

    def moments(self, passes: np.ndarray) -> dict[str, np.ndarray]:
        """Return the moments of `exports.Uncertainty` of outputs `(n, passes, units)`."""
        found = self.head.uncertainty(tf.constant(passes, tf.float32))
        return {name: tensor.numpy() for name, tensor in found.items()}


def _log(p: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(p, _TINY))


def _log1m(p: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(1 - p, _TINY))
