"""`noise` and `augmentation`: what is done to the inputs of a model in training."""

from typing import Any

import keras

from .. import layers
from ..augmentation import Pipeline, resolve_augmentation
from .placer import Placer, real
from .places import preprocessing

__all__ = ["augmentation", "noise"]

_RANKS = {1: "a table", 2: "a series", 3: "an image"}


def noise(placer: Placer, stddev: float) -> None:
    """Plans Gaussian noise on each input, after its scaling and masking.

    Args:
        placer: what puts it into the model.
        stddev: in the unit of what is scaled.
    """
    for tensor in placer.graph.inputs:
        name = tensor._keras_history.operation.name
        if not real(tensor):
            placer.ledger.refuse(("noise",), name, "", None, f"it holds {tensor.dtype}")
            continue
        calls = preprocessing(placer.graph, tensor)
        place = calls[-1].outputs[0] if calls else tensor
        kind, name = layers.GaussianNoise, f"{name}_noise"
        placer.after(("noise",), placer.graph, place, kind, name, stddev)


def augmentation(placer: Placer, tier: str, value_range: Any) -> None:
    """Plans the augmentation of each input.

    Args:
        placer: what puts it into the model.
        tier: "light", "medium" or "strong".
        value_range: of the pixels of images, as they reach the model.

    Raises:
        ValueError: an input is an image, and `value_range` is `None`.
    """
    for tensor in placer.graph.inputs:
        name, shape = tensor._keras_history.operation.name, tuple(tensor.shape[1:])
        if why := _objection(tensor, shape) or _masked(placer, tensor):
            placer.ledger.refuse(("augmentation",), name, "", None, why)
            continue
        given = {"value_range": _checked(value_range)} if len(shape) == 3 else {}
        steps = resolve_augmentation(tier, shape, **given).layers
        asked, name = ("augmentation",), f"{name}_augmentation"
        placer.after(asked, placer.graph, tensor, Pipeline, name, steps)


def _objection(tensor: Any, shape: tuple[Any, ...]) -> str:
    """Why an input cannot be augmented; empty if it can."""
    if len(shape) not in _RANKS:
        return f"of shape {shape} it is none of {', '.join(_RANKS.values())}"
    if len(shape) < 3 and not real(tensor):
        return f"it holds {tensor.dtype}"
    return "its length is open: give input_shape" if len(shape) == 2 and None in shape else ""


def _masked(placer: Placer, tensor: Any) -> str:
    """Why an input whose padding is recognized by its value cannot be augmented."""
    calls = preprocessing(placer.graph, tensor)
    if not any(isinstance(call.operation, keras.layers.Masking) for call in calls):
        return ""
    return "its padding would not be masked any more: augment the data before it is padded"


def _checked(value_range: Any) -> Any:
    if value_range is None:
        raise ValueError(
            "augmentation of images needs value_range, the lowest and the highest value of a "
            "pixel as the model gets it, for example (0, 255). Received: value_range=None"
        )
    return value_range
