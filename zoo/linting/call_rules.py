"""The argument `training`: who gets it, and who gets another than was meant."""

from collections.abc import Iterator
from typing import Any

import keras

from .kinds import (
    is_foreign,
    reads_training,
    responds_to_training,
    seed_generators,
    training_default,
)
from .rule import Found, rule
from .training import Training
from .view import View

__all__ = []


@rule("OCC301", "a model's call without `training` around dropout or BatchNorm")
def call_without_training(view: View, training: Training) -> Iterator[Found]:
    """A subclassed model that `fit` cannot tell that it is training.

    Keras' training step passes `training=True` only to a model whose `call` takes it. Layers within
    need no such argument: Keras hands the value on to what they hold. But on JAX it does not hand
    it on from the outermost model, whose `call` has to do it.
    """
    model = view.model
    if is_foreign(model, "train_step") or not is_foreign(model, "call"):
        return
    takes = "training" in model._call_signature.parameters
    on_jax = keras.backend.backend() == "jax"
    if takes and (not on_jax or reads_training(model)):
        return
    responding = [p.path for p in view.places if responds_to_training(p.layer)]
    if responding:
        missing = "does not use its" if takes else "has no"
        yield (
            model.name,
            f"its `call` {missing} argument `training`, so that `fit` runs {_list(responding)} in "
            "inference mode.",
            "Define `call(self, inputs, training=None)`, and hand `training` on to the layers.",
        )


@rule("OCC302", "an explicit training= that Keras overrides")
def explicit_training(view: View, training: Training) -> Iterator[Found]:
    """`layer(x, training=...)` in a functional model.

    Keras records the default of a layer's `call` as if it had been given; what is equal to it
    cannot be told from it, and is not looked at.
    """
    for call in view.graph.calls():
        given = call.arguments.get("training")
        layer = call.layer
        if not isinstance(given, bool) or not isinstance(layer, keras.layers.Layer):
            continue
        if given is training_default(layer):
            continue
        if any(responds_to_training(inner) for inner in view.within(layer)):
            yield (call.path, *_overridden(given))


def _overridden(given: bool) -> tuple[str, str]:
    if given:
        return (
            "it was called with training=True, which predict and evaluate replace by False; a bare "
            "model(x) obeys it, and so do all layers after it.",
            "Leave it out; to draw at inference, subclass the layer and fix it in its `call`.",
        )
    return (
        "it was called with training=False, which fit replaces by True: dropout drops, and "
        "BatchNorm uses and learns the statistics of the batch.",
        "Freeze BatchNorm by `layer.trainable = False`, which does hold, and leave it out.",
    )


@rule("OCC303", "augmentation in a model meant for export")
def training_by_default(view: View, training: Training) -> Iterator[Found]:
    """A layer that trains unless it is told not to (needs `for_export`).

    The augmentation layers of Keras, and those that resize, have `training=True` as the default of
    their `call`; what runs after them takes it over.
    """
    if not training.for_export:
        return
    for n, place in enumerate(view.places):
        if training_default(place.layer) is not True or _is_part_of_augmentation(place.parent):
            continue
        after = [p.path for p in view.places[n + 1 :] if responds_to_training(p.layer)]
        random = any(True for inner in view.within(place.layer) for _ in seed_generators(inner))
        if random or after:
            harm = "changes the served inputs at random" if random else "switches to training"
            yield (
                place.path,
                f"model.export() passes no `training`, and the default here is True: it {harm}"
                + (f", and so does {_list(after)}." if after and not random else "."),
                "Move it into the data pipeline, or export with occam.exports.export.",
            )


def _is_part_of_augmentation(place: Any) -> bool:
    return place is not None and training_default(place.layer) is True


def _list(paths: list[str], shown: int = 2) -> str:
    more = f" and {len(paths) - shown} more" if len(paths) > shown else ""
    return ", ".join(f"`{path}`" for path in paths[:shown]) + more
