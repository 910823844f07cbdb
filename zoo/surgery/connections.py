"""`drop_connect`: layers whose connections are dropped in training."""

from typing import Any

import keras

from .. import layers
from ..layers.kernel_wrapper import KERNEL_LAYERS
from .copier import Copier, config_of
from .placer import Placer
from .places import heads

__all__ = ["drop_connect"]

_ASKED = ("drop_connect",)


def drop_connect(placer: Placer, rate: float) -> None:
    """Plans a `DropConnect` around each hidden dense and convolutional layer, with its name.

    Args:
        placer: what puts it into the model.
        rate: the fraction of the weights that is dropped.
    """
    ends = {id(head.call.operation) for head in heads(placer.graph) if head.call}
    for place in placer.graph.layers():
        layer, path = place.layer, place.paths[0]
        if id(layer) in ends or placer.skip.layer(layer, tuple(place.paths)):
            continue
        if isinstance(layer, layers.DropConnect):
            placer.edits.rates[id(layer)] = rate
            placer.ledger.done(_ASKED, path, f"instead of rate {layer.rate:g}", _shown(rate))
        elif isinstance(layer, KERNEL_LAYERS):
            _wrap(placer, layer, path, rate)


def _wrap(placer: Placer, layer: Any, path: str, rate: float) -> None:
    if layer.quantization_mode or getattr(layer, "lora_enabled", False):
        why = "it is quantized or has LoRA: regularize before that"
        placer.ledger.refuse(_ASKED, path, "", None, why)
        return
    seed = placer.seeds()
    placer.edits.configs.setdefault(id(layer), config_of(layer, path))
    placer.edits.swapped[id(layer)] = lambda copier: _wrapped(copier, layer, rate, seed)
    placer.ledger.done(_ASKED, path, f"around {layer.name}", _shown(rate))


def _wrapped(copier: Copier, layer: Any, rate: float, seed: int) -> layers.DropConnect:
    """A copy of `layer` in a `DropConnect` of its name, which takes over its activity penalty."""
    penalty = copier.edits.configs[id(layer)].pop("activity_regularizer", None)
    return layers.DropConnect(
        copier.plain(layer),
        rate,
        seed=seed,
        name=layer.name,
        trainable=layer.trainable,
        activity_regularizer=penalty,
    )


def _shown(rate: float) -> layers.DropConnect:
    return layers.DropConnect(keras.layers.Dense(1), rate)
