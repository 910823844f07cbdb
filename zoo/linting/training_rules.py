"""OCC5: labels, patience, batch size and steps in training."""

import functools
import math
from collections.abc import Iterator
from typing import Any

import keras

from ...callbacks import BatchNormReestimation
from .rule import Found, Training, rule
from .view import View

_SMALL = 8  # Wu & He 2018, figure 1
_FORGOTTEN = 0.01  # the weight of the initial statistics at which they no longer matter

_SOFT = {
    "smoothed": "are already smoothed",
    "mixed": "are already shares of two classes",
    "distilled": "are already the probabilities of a teacher",
}


@rule("OCC501", "label smoothing of targets that are already soft")
def smoothed_twice(view: View, training: Training) -> Iterator[Found]:
    """A loss with `label_smoothing` and soft labels (needs `targets` and `compiled`)."""
    if training.targets == "hard":
        return
    for loss in view.losses:
        if smoothing := _label_smoothing(loss):
            yield (
                view.model.name,
                f"the loss smooths labels by {smoothing:g}, also in evaluate, and these "
                f"{_SOFT[training.targets]}.",
                "Remove `label_smoothing` from the loss.",
            )


def _label_smoothing(loss: Any) -> float:
    if isinstance(loss, functools.partial):
        value = loss.keywords.get("label_smoothing", 0.0)
    else:
        value = getattr(loss, "label_smoothing", 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


@rule("OCC502", "stop patience <= learning-rate patience")
def stops_before_the_rate_falls(view: View, training: Training) -> Iterator[Found]:
    """Early stopping before the learning rate falls (needs `callbacks`)."""
    stops = [c for c in training.callbacks if isinstance(c, keras.callbacks.EarlyStopping)]
    falls = [c for c in training.callbacks if isinstance(c, keras.callbacks.ReduceLROnPlateau)]
    for stop in stops:
        if getattr(stop, "criterion", "patience") != "patience":  # Occam's other criteria
            continue
        waits = stop.start_from_epoch + stop.patience
        for fall in falls:
            if waits <= fall.patience:
                yield (
                    view.model.name,
                    f"without improvement, training stops after {waits} epochs, and the learning "
                    f"rate falls after {fall.patience}: it never trains at a lower rate.",
                    "Set the patience of early stopping to at least twice that of the rate.",
                )


@rule("OCC503", f"BatchNorm with batches of fewer than {_SMALL}")
def small_batch(view: View, training: Training) -> Iterator[Found]:
    """Statistics of a handful of samples (needs `batch_size`).

    Reference: Wu & He, Group Normalization, 2018, https://arxiv.org/abs/1803.08494
    """
    if training.batch_size is None or training.batch_size >= _SMALL:
        return
    for place in view.places:
        if isinstance(place.layer, keras.layers.BatchNormalization) and place.layer.trainable:
            yield (
                place.path,
                f"the mean and variance of {training.batch_size} samples are too noisy for "
                "training, and far from those used at inference.",
                "Use GroupNormalization or LayerNormalization, or freeze it.",
            )


@rule("OCC504", "BatchNorm that is validated before its moving averages have arrived")
def young_averages(view: View, training: Training) -> Iterator[Found]:
    """Initial statistics in the first validation (needs `steps`; `callbacks` may correct them).

    After `steps` updates, moving averages contain their initial values with a weight of
    momentum^steps.
    """
    corrected = any(isinstance(each, BatchNormReestimation) for each in training.callbacks)
    if training.steps is None or corrected:
        return
    for place in view.places:
        layer: Any = place.layer
        if not (isinstance(layer, keras.layers.BatchNormalization) and layer.trainable):
            continue
        left = layer.momentum**training.steps
        if left > _FORGOTTEN:
            fitting = _FORGOTTEN ** (1 / training.steps)
            yield (
                place.path,
                f"after {training.steps} steps, the moving averages still contain {left:.0%} of "
                "their initial values: the first validation says little about the model.",
                "Pass callbacks.BatchNormReestimation to `fit`, validate after more steps, or "
                f"lower the momentum to {math.floor(100 * fitting) / 100:g}.",
            )
