"""What there is to say of a model of the zoo, and of one of its tiers, as plain text."""

from collections.abc import Iterator
from typing import Any

import keras

from ..augmentation import resolve_augmentation
from ..calls import as_call
from ..regularization import Regularization
from ..table import table
from .registry import Architecture, create_model

__all__ = ["KINDS", "SHAPES", "card", "regularizers_of", "tier_card"]

SHAPES = {1: (30,), 2: (40, 1), 3: (32, 32, 3)}  # of a sample, for counting and drawing
KINDS = {1: "table", 2: "series", 3: "image"}


def card(architecture: Architecture) -> str:
    """One model: its size, options, tiers, and the fields of `Regularization` it can honour."""
    a = architecture
    options = ", ".join(f"{name}={value}" for name, value in a.options.items())
    kinds = ", ".join(KINDS[rank] for rank in a.ranks)
    shape = SHAPES[a.ranks[-1]]
    count = create_model(a.name, input_shape=shape, num_classes=10).count_params()
    return "\n".join(
        [
            f"{a.name}: {kinds}; {count:,} parameters at {shape} and 10 classes",
            f"options: {options or 'none'}",
            f"honours: {', '.join(a.able)}",
            f"cannot honour: {', '.join(a.unable) or 'nothing'}",
            f"from: {a.reference}",
            "",
            table(("tier", "regularization"), [(t, repr(p)) for t, p in a.presets.items()]),
        ]
    )


def tier_card(architecture: Architecture, tier: str) -> str:
    """What a tier does: in the model's layers, and to the samples that it is trained on."""
    a, regularization = architecture, architecture.presets[tier]
    model = create_model(
        a.name, input_shape=SHAPES[a.ranks[-1]], num_classes=10, regularization=regularization
    )
    rows = list(regularizers_of(model))
    layers = table(("where", "what"), rows) if rows else "No layer regularizes."
    return "\n".join(
        [f"{a.name}, {tier}: {regularization}", "", layers, *_training(a, regularization)]
    )


def regularizers_of(model: keras.Model) -> Iterator[tuple[str, str]]:
    """Where and what: each penalty, constraint and random layer of a model, in its order.

    >>> layer = keras.layers.Dense(2, kernel_regularizer="l2", name="head")
    >>> list(regularizers_of(keras.Sequential([keras.Input((3,)), layer])))
    [('head/kernel', 'L2(l2=0.01)')]
    """
    for layer in model.layers:
        for weight in layer.trainable_weights:
            for part in (weight.regularizer, weight.constraint):
                if part is not None:
                    yield _path(layer, weight), as_call(part)
        if (penalty := getattr(layer, "activity_regularizer", None)) is not None:
            yield f"output of {layer.name}", as_call(penalty)
        if type(layer).__module__.startswith("occam."):
            yield layer.name, as_call(layer)


def _path(layer: keras.layers.Layer, weight: Any) -> str:
    """A weight's path from its layer on, without the names of the models around."""
    return f"{layer.name}/{weight.path.rsplit('/', 1)[-1]}"


def _training(architecture: Architecture, regularization: Regularization) -> Iterator[str]:
    """What is done to samples, by the kinds that the model takes, and in the update."""
    strengths = regularization.only("training").on()
    tier = strengths.pop("augmentation", None)
    for rank in architecture.ranks if tier else ():
        yield f"\naugmentation of a {KINDS[rank]} {SHAPES[rank]}:"
        pipeline = resolve_augmentation(str(tier), SHAPES[rank])
        yield from (f"  {line}" for line in str(pipeline).splitlines())
    yield from ["", *(f"{name}={value:g}" for name, value in strengths.items())]
