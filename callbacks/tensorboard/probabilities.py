"""`probabilities`: what a classifier answers, whatever form its output has."""

from typing import Any

import keras
import numpy as np
from scipy.special import softmax

__all__ = ["probabilities"]


def probabilities(model: keras.Model, x: Any, *, from_logits: bool | None = None) -> np.ndarray:
    """The probabilities `(samples, classes)` that a model gives, in inference mode.

    A single output unit is the probability, or the logit, of the second of two classes.

    Args:
        model: with one output `(samples, classes)` or `(samples, 1)`.
        x: `(samples, ...)`.
        from_logits: whether the model returns logits. By default what its loss says.

    Raises:
        ValueError: the output has another shape, its rows are no probabilities, or `from_logits`
            is not given and the model's loss does not say it.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Activation("linear")])
    >>> probabilities(model, np.log([[1.0, 3.0]]), from_logits=True).round(3).tolist()
    [[0.25, 0.75]]
    """
    logits = _from_logits(model) if from_logits is None else from_logits
    scores = np.asarray(model.predict(x, verbose=0), "float64")
    if scores.ndim != 2:
        raise ValueError(
            "Pictures of validation samples need a classifier with outputs (samples, classes). "
            f"Received: outputs of shape {scores.shape}"
        )
    if scores.shape[1] == 1:
        scores = np.concatenate([0 * scores if logits else 1 - scores, scores], 1)
    if logits:
        return softmax(scores, axis=1)
    sums = scores.sum(axis=1)
    if np.isfinite(scores).all() and (scores.min() < 0 or not np.allclose(sums, 1, atol=0.02)):
        raise ValueError(
            "Pictures of validation samples need a model whose answers are probabilities of "
            "classes, which sum to 1: give from_logits=True if they are logits; several labels a "
            "sample, and regressions, are not drawn. Received: a row that sums to "
            f"{sums[np.argmax(np.abs(sums - 1))]:g}, the least answer {scores.min():g}"
        )
    return scores


def _from_logits(model: keras.Model) -> bool:
    loss = getattr(model, "loss", None)
    if isinstance(loss, str):
        return False  # Keras' losses by name take probabilities
    said = getattr(loss, "from_logits", None)
    if said is None:
        raise ValueError(
            "Give from_logits=True or False: the loss of the model does not say whether its "
            f"outputs are logits. Received: loss={loss!r}"
        )
    return bool(said)
