"""`front`: what is done to batches `(x, y)` before they reach a model."""

from typing import Any

import keras

from ..augmentation import CutMix, LabelSmoothing, Mix, MixUp, Pipeline
from ..augmentation.augmentation import Augmentation
from ..regularization import Regularization
from .ledger import Ledger
from .roles import core

__all__ = ["FRONT", "front"]

FRONT = ("mixup", "cutmix", "label_smoothing")


def front(
    model: keras.Model, loss: Any, regularization: Regularization, seed: int, ledger: Ledger
) -> Pipeline | None:
    """The layer over `(x, y)` that mixes samples and smooths labels; `None` if nothing is asked.

    Both need the labels, and so cannot be inside of a model that is to be served.

    Args:
        model: from which the number of classes is taken.
        loss: that the original was compiled with, if it was: a binary cross-entropy says that each
            unit is a question of its own, also where the sigmoid is in the loss.
        regularization: of which `FRONT` counts.
        seed: of the draws.
        ledger: where it is written down.
    """
    asked = [name for name in FRONT if getattr(regularization, name)]
    if not asked:
        return None
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 2 or not isinstance(shape[-1], int):
        why = f"it needs one output of (batch, classes); that of the model is {shape}"
        for name in asked:
            ledger.refuse((name,), "front", "", None, why)
        return None
    multi_label = _ends_in_sigmoid(model) or _is_binary(loss)
    if shape[-1] == 1 and not multi_label:
        why = (
            "its head is one unit without a sigmoid, whose labels may be values or classes; use "
            'Dense(1, activation="sigmoid"), two logits, or compile with a binary cross-entropy'
        )
        for name in asked:
            ledger.refuse((name,), "front", "", None, why)
        return None
    layers = _layers(regularization, shape[-1], multi_label)
    for layer in layers:
        fields = ("label_smoothing",) if isinstance(layer, LabelSmoothing) else _mixed(asked)
        ledger.done(fields, "front", "before the model", layer)
    return Pipeline(layers, seed=seed, name="front")


def _mixed(asked: list[str]) -> tuple[str, ...]:
    return tuple(name for name in asked if name != "label_smoothing")


def _ends_in_sigmoid(model: Any) -> bool:
    """Whether the output is one probability for each unit, not a distribution over classes."""
    if not getattr(model, "outputs", None):
        return False
    operation: Any = model.outputs[0]._keras_history.operation
    while isinstance(operation, _AFTER_SIGMOID):
        tensor: Any = operation.input
        operation = tensor._keras_history.operation
    if isinstance(operation, keras.Model):
        return _ends_in_sigmoid(operation)
    activation = getattr(core(operation), "activation", None)
    return activation is keras.activations.sigmoid or type(operation).__name__ == "Sigmoid"


def _is_binary(loss: Any) -> bool:
    """Whether a compiled loss is a binary cross-entropy."""
    binary = (keras.losses.binary_crossentropy, keras.losses.binary_focal_crossentropy)
    losses = [keras.losses.get(each) for each in keras.tree.flatten(loss) if each is not None]
    return bool(losses) and all(getattr(each, "fn", each) in binary for each in losses)


_AFTER_SIGMOID = (keras.layers.Identity, keras.layers.Flatten, keras.layers.Reshape)


def _layers(regularization: Regularization, classes: int, multi_label: bool) -> list[Augmentation]:
    given = {"multi_label": multi_label}
    mixup, cutmix = regularization.mixup, regularization.cutmix
    mixing: Any = None
    if mixup and cutmix:
        mixing = Mix(classes, mixup_alpha=mixup, cutmix_alpha=cutmix, **given)
    elif mixup or cutmix:
        mixing = MixUp(classes, mixup, **given) if mixup else CutMix(classes, cutmix, **given)
    smoothing = regularization.label_smoothing
    layers = [mixing, LabelSmoothing(classes, smoothing, **given) if smoothing else None]
    return [layer for layer in layers if layer is not None]
