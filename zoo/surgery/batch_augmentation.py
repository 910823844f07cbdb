"""`batch_augmentation`: mixup and label smoothing of batches."""

from typing import Any

import keras

from ...core.compiled_loss import task_of_loss
from ...core.layer_kinds import unwrap
from ...core.model_graph import call_of
from ..augmentation import CutMix, LabelSmoothing, Mix, MixUp, Pipeline
from ..augmentation.augmentation import Augmentation
from ..regularization import Regularization
from .places import KEEP_VALUES
from .report import Ledger

_PLACE = "batch_augmentation"
_FIELDS = ("mixup", "cutmix", "label_smoothing")


def batch_augmentation(
    model: keras.Model, loss: Any, regularization: Regularization, seed: int, ledger: Ledger
) -> Pipeline | None:
    """Return a layer over `(x, y)` that mixes samples and smooths labels, or `None`.

    Both need the labels, so they cannot be part of the model. The loss tells whether the labels are
    multi-label (binary cross-entropy), classes (categorical) or values (any other). Without a loss,
    the last activation tells.
    """
    asked = [name for name in _FIELDS if getattr(regularization, name)]
    if not asked:
        return None
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 2 or not isinstance(shape[-1], int):
        why = f"it needs one output of shape (batch, classes); the model has {shape}"
    else:
        why = _objection(model, loss, shape[-1])
    if why:
        for name in asked:
            ledger.refuse((name,), _PLACE, "", None, why)
        return None
    layers = _layers(regularization, shape[-1], _is_multi_label(model, loss))
    mixed = tuple(name for name in asked if name != "label_smoothing")
    for layer in layers:
        fields = ("label_smoothing",) if isinstance(layer, LabelSmoothing) else mixed
        ledger.done(fields, _PLACE, "before the model", layer)
    return Pipeline(layers, seed=seed, name=_PLACE)


def _objection(model: keras.Model, loss: Any, units: int) -> str:
    """Return the reason not to take the outputs of a model for classes, or `""`."""
    losses = _functions(loss)
    tasks = {task_of_loss(each, units) for each in losses}
    if tasks == {"regression"} and not _last_activation(model):
        names = ", ".join(getattr(each, "__name__", type(each).__name__) for each in losses)
        return f"its head is linear and its loss {names}, so its labels are values"
    if units == 1 and not _is_multi_label(model, loss):
        return (
            "its head is one unit without a sigmoid: use Dense(1, activation='sigmoid') or two "
            "logits, or compile with a binary cross-entropy"
        )
    return ""


def _is_multi_label(model: keras.Model, loss: Any) -> bool:
    names = [getattr(f, "__name__", type(f).__name__).lower() for f in _functions(loss)]
    if names and all("crossentropy" in name for name in names):
        return all("binary" in name for name in names)
    return _last_activation(model) == "sigmoid"


def _functions(loss: Any) -> list[Any]:
    """Return the functions of the compiled losses, or the losses if they are user-defined."""
    losses = [keras.losses.get(each) for each in keras.tree.flatten(loss) if each is not None]
    return [getattr(each, "fn", each) for each in losses]


def _last_activation(model: Any) -> str:
    """Return the activation of the output: `"sigmoid"`, `"softmax"`, or `""` for any other."""
    if not getattr(model, "outputs", None):
        return ""
    call = call_of(model.outputs[0])
    while isinstance(call.operation, KEEP_VALUES):
        call = call_of(call.inputs[0])
    if isinstance(call.operation, keras.Model):
        return _last_activation(call.operation)
    if call.kind in ("Sigmoid", "Softmax"):  # an operation, or a layer
        return call.kind.lower()
    activation = getattr(unwrap(call.operation), "activation", None)
    known = (keras.activations.sigmoid, keras.activations.softmax)
    return activation.__name__ if activation in known else ""


def _layers(regularization: Regularization, classes: int, multi_label: bool) -> list[Augmentation]:
    mixup, cutmix = regularization.mixup, regularization.cutmix
    layers: list[Augmentation] = []
    if mixup and cutmix:
        mix = Mix(classes, mixup_alpha=mixup, cutmix_alpha=cutmix, multi_label=multi_label)
        layers.append(mix)
    elif mixup:
        layers.append(MixUp(classes, mixup, multi_label=multi_label))
    elif cutmix:
        layers.append(CutMix(classes, cutmix, multi_label=multi_label))
    if smoothing := regularization.label_smoothing:
        layers.append(LabelSmoothing(classes, smoothing, multi_label=multi_label))
    return layers
