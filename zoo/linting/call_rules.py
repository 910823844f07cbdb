"""OCC3: a missing or unintended argument `training`."""

import dis
from collections.abc import Iterator
from typing import Any

import keras

from ...core.layer_kinds import drop_rates, seed_generators
from .rule import Found, Training, rule
from .view import View, is_user_defined


@rule("OCC301", "a model whose `call` has no `training`, around dropout or BatchNorm")
def call_without_training(view: View, training: Training) -> Iterator[Found]:
    """A subclassed model whose layers run in inference mode during `fit`.

    The training step of Keras passes `training=True` only to a model whose `call` takes it. Keras
    passes the value on to inner layers, except on JAX, where the model's `call` must do so.
    """
    model = view.model
    if is_user_defined(model, "train_step") or not is_user_defined(model, "call"):
        return
    takes = "training" in model._call_signature.parameters
    on_jax = keras.backend.backend() == "jax"
    if takes and (not on_jax or _reads_training(model)):
        return
    responding = [p.path for p in view.places if responds_to_training(p.layer)]
    if responding:
        missing = "does not use its" if takes else "has no"
        yield (
            model.name,
            f"its `call` {missing} argument `training`, so `fit` runs {_list(responding)} in "
            "inference mode.",
            "Define `call(self, inputs, training=None)`, and pass `training` to the layers.",
        )


@rule("OCC302", "an explicit `training=` that Keras overrides")
def explicit_training(view: View, training: Training) -> Iterator[Found]:
    """`layer(x, training=...)` in a functional model.

    Keras also records the default of a layer's `call`, so a value equal to it is not reported.
    """
    for call in view.calls():
        value, layer = call.keywords.get("training"), call.operation
        if not isinstance(value, bool) or not isinstance(layer, keras.layers.Layer):
            continue
        if value is training_default(layer):
            continue
        if any(responds_to_training(inner) for inner in view.within(layer)):
            yield (call.path, *_OVERRIDDEN[value])


_OVERRIDDEN = {
    True: (
        "it was called with training=True, which predict and evaluate replace by False. A bare "
        "model(x) uses it, also for all layers after it.",
        "Leave it out; for randomness at inference, subclass the layer and set it in its `call`.",
    ),
    False: (
        "it was called with training=False, which fit replaces by True: dropout is active, and "
        "BatchNorm uses and learns the statistics of the batch.",
        "Leave it out, and freeze BatchNorm with `layer.trainable = False`.",
    ),
}


@rule("OCC303", "augmentation in a model meant for export")
def training_by_default(view: View, training: Training) -> Iterator[Found]:
    """A layer whose `call` has the default `training=True` (needs `for_export`).

    Augmentation and resizing layers of Keras have it, and pass it on to the layers after them.
    """
    if not training.for_export:
        return
    for n, place in enumerate(view.places):
        within = place.parent is not None and training_default(place.parent.layer) is True
        if training_default(place.layer) is not True or within:
            continue
        after = [p.path for p in view.places[n + 1 :] if responds_to_training(p.layer)]
        random = any(True for inner in view.within(place.layer) for _ in seed_generators(inner))
        if random or after:
            harm = "changes the served inputs at random" if random else "switches to training"
            yield (
                place.path,
                f"model.export() passes no `training`, and the default here is True: it {harm}"
                + (f", and so does {_list(after)}." if after and not random else "."),
                "Move it into the data pipeline, or use occam.exports.export.",
            )


def training_default(layer: Any) -> Any:
    """Return the default of `training` in the layer's `call`, or `None`."""
    parameter = layer._call_signature.parameters.get("training")
    return None if parameter is None or parameter.default is parameter.empty else parameter.default


def _reads_training(layer: Any) -> bool:
    """Return whether the code of the layer's `call` uses the argument `training`."""
    loads = (i for i in dis.get_instructions(type(layer).call) if i.opname.startswith("LOAD"))
    names = (i.argval if isinstance(i.argval, tuple) else (i.argval,) for i in loads)
    return any("training" in several for several in names)


def responds_to_training(layer: Any) -> bool:
    """Return whether a layer itself behaves differently in training.

    A frozen BatchNorm does not. A user-defined layer does if its `call` takes `training`.
    """
    if isinstance(layer, keras.layers.BatchNormalization):
        return layer.trainable
    if isinstance(layer, keras.layers.SpectralNormalization):
        return True
    if rates := drop_rates(layer):
        return any(rates.values())
    if any(True for _ in seed_generators(layer)):
        return True
    takes = "training" in layer._call_signature.parameters  # private in Keras 3.15
    return takes and is_user_defined(layer, "call") and not isinstance(layer, keras.Model)


def _list(paths: list[str], shown: int = 2) -> str:
    more = f" and {len(paths) - shown} more" if len(paths) > shown else ""
    return ", ".join(f"`{path}`" for path in paths[:shown]) + more
