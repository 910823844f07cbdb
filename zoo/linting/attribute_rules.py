"""Regularizers that a layer's attribute and its variable do not agree on."""

from collections.abc import Iterator
from typing import Any

import keras

from ..calls import config_of
from .kinds import is_foreign
from .rule import Found, rule
from .strengths import as_text
from .training import Training
from .view import Place, View

__all__ = []

_REGULARIZER = "_regularizer"


@rule("OCC101", "a configured regularizer that is inactive")
def inactive_regularizer(view: View, training: Training) -> Iterator[Found]:
    """A regularizer that a layer has as an attribute, and its variable has not.

    Keras hands the attribute to the variable when the layer is built, and never looks again. A
    layer with a `build` of another make may use the attribute in its own way, and is left out.
    """
    for place in view.owners:
        if is_foreign(place.layer, "build") or not place.layer.built:
            continue
        for stem, wanted in _attributes(place.layer):
            if wanted is None or _is_active(place, stem, wanted):
                continue
            yield (
                place.path,
                f"`{stem}{_REGULARIZER}` is {as_text(wanted)}, but "
                f"{_what_has(place, stem)}: the loss has no such term.",
                "Set it when the layer is made; `occam.zoo.regularize` does it for a built model.",
            )


@rule("OCC102", "an active penalty that saving loses")
def unsaved_regularizer(view: View, training: Training) -> Iterator[Found]:
    """A variable has a regularizer that is not in the layer's attribute, which is what is saved."""
    for place in view.owners:
        for stem, wanted in _attributes(place.layer):
            variable = _variable(place, stem)
            if wanted is None and variable is not None and variable.regularizer is not None:
                yield (
                    place.path,
                    f"`{variable.name}` has the penalty {as_text(variable.regularizer)}, but "
                    f"`{stem}{_REGULARIZER}` is None: a copy and a saved model are without it.",
                    f"Set `{stem}{_REGULARIZER}` to the same regularizer.",
                )


def _attributes(layer: Any) -> Iterator[tuple[str, Any]]:
    """What stands before `_regularizer` in the layer's attributes, and what they are.

    `activity_regularizer` is read at each call: it is always active.
    """
    for name, value in list(vars(layer).items()):
        stem = name.removesuffix(_REGULARIZER)
        penalty = value is None or callable(value) or isinstance(value, str | dict)
        if stem != name and stem != "activity" and not name.startswith("_") and penalty:
            yield stem, value


def _variable(place: Place, stem: str) -> Any:
    """The layer's own variable that `<stem>_regularizer` is for, or `None`."""
    own = {id(v): v for v in place.variables}
    names = (f"{stem}_kernel", "kernel") if stem == "depthwise" else (stem, f"{stem}_kernel")
    for name in names:
        for attribute in (name, f"_{name}"):
            # vars first: with LoRA, `kernel` is computed, and `_kernel` the variable
            value = vars(place.layer).get(attribute)
            if id(value) in own:
                return value
    return None


def _is_active(place: Place, stem: str, wanted: Any) -> bool:
    variable = _variable(place, stem)
    if variable is None:  # a layer that holds layers may have handed it on to them
        return any(_same(v.regularizer, wanted) for v in place.layer.weights)
    quantized = "int" in keras.backend.standardize_dtype(variable.dtype)
    return quantized or _same(variable.regularizer, wanted)


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other) or not hasattr(one, "get_config"):
        return False
    # Of two whose configs cannot be had no difference can be shown.
    return config_of(one) == config_of(other)


def _what_has(place: Place, stem: str) -> str:
    variable = _variable(place, stem)
    if variable is None:
        return f"the layer has no `{stem}` to penalize"
    has = "no penalty" if variable.regularizer is None else as_text(variable.regularizer)
    return f"`{variable.name}`, built before, has {has}"
