"""`find`: the penalties and constraints that were planned, in the model that was made."""

from typing import Any

import keras

from ..layers.penalized import weights_by_key
from .copier import Copier
from .graph import Located
from .kernels import PENALTIES
from .parts import ACTIVITY, Part, is_normalization
from .penalize import Given, Penalize
from .report import Kind, Penalty

__all__ = ["find"]

_KINDS: dict[str, Kind] = {"regularizer": "penalty", "constraint": "constraint"}


def find(plan: Penalize, copier: Copier, model: keras.Model) -> tuple[Penalty, ...]:
    """Writes down what was planned, as it is in the model that was made.

    Args:
        plan: what was asked, written into configs.
        copier: which has made the layers of these configs.
        model: that was made.

    Raises:
        ValueError: a layer took a penalty and gave it to no weight.
    """
    trainable = {id(weight) for weight in model.trainable_weights}
    new = set()
    for given in plan.given:
        owner, kind = given.part.owner, _KINDS[given.kind]
        for weight in _taken(given, copier):
            frozen = "" if id(weight) in trainable else "frozen"
            name = _weight_name(owner, weight)
            plan.ledger.done(
                given.asked, copier.path(owner), name, given.value, kind=kind, why=frozen
            )
            new |= {id(weight)} if kind == "penalty" else set()
    for asked, place, penalty in plan.activities:
        path = place.paths[0]
        if _has_activity(copier.layer(place.layer)):
            plan.ledger.done(asked, path, "outputs", penalty, kind=ACTIVITY)
        else:
            why = f"{type(place.layer).__name__} takes activity_regularizer and does not use it"
            plan.ledger.refuse(asked, path, "outputs", penalty, why)
    _check_activities(copier)
    _find_uncovered(plan, copier)
    return tuple(
        Penalty(path, _weight_name(made, weight), weight, id(weight) in new)
        for _, made, path in copier.pairs
        for weight in made.weights
        if weight.regularizer is not None
    )


def _taken(given: Given, copier: Copier) -> list[Any]:
    if given.part.inside:
        weights = weights_by_key(copier.plain_copy(given.part.owner))
        return [weights[given.part.inside[given.slot][0]][1]]
    layer = given.part.same_in(copier.plain_copy(given.part.owner))
    name = f"{given.slot}_{given.kind}"
    value = getattr(layer, name, None) or getattr(layer, f"_{name}", None)
    found = [w for w in layer.weights if value and getattr(w, given.kind) is value]
    if not found:
        raise _not_taken(layer, given.part.path, name, "add_weight")
    return found


def _find_uncovered(plan: Penalize, copier: Copier) -> None:
    """Refuses, by name, what is asked of kernels whose layer has no argument for it."""
    asked_of = {id(place.layer): _asked_of_all(plan, place) for place in plan.located}
    for original, made, path in copier.pairs:
        if (asked := asked_of.get(id(original))) is None:
            continue
        for weight in _kernels_without(made):
            if id(copier.originals[id(weight)]) not in plan.decided:
                why = f"{type(original).__name__} takes no regularizer for it"
                plan.ledger.refuse(asked, path, _weight_name(original, weight), None, why)


def _asked_of_all(plan: Penalize, place: Located) -> tuple[str, ...] | None:
    """What is asked of all kernels of a layer; `None` for nothing."""
    part = Part(place.layer, tuple(place.paths), {}, place.layer, (), tuple(place.around))
    if plan.skip.part(part):
        return None
    rule = plan.rule_for(part)
    if rule and (rule.nothing or rule.every or "kernel" in rule.weights):
        return None if rule.nothing else rule.asked_as("" if rule.every else "kernel")
    return plan.on(PENALTIES) or None


def _weight_name(layer: Any, weight: Any) -> str:
    """The name of a weight after those of the layers inside of `layer`: `query/kernel`."""
    names = weight.path.split("/")
    inside = [i for i, name in enumerate(names[:-1]) if name == layer.name]
    return "/".join(names[inside[-1] + 1 :] if inside else names)


def _not_taken(layer: Any, path: str, name: str, where: str) -> ValueError:
    return ValueError(
        f"Layer {path!r} ({type(layer).__name__}) takes {name} and does not use it: let it pass it "
        f"on to {where}, or leave the layer out with skip."
    )


def _check_activities(copier: Copier) -> None:
    """Raises ValueError if a penalty on outputs, which the original has, is lost."""
    for original, _, path in copier.pairs:
        if _has_activity(original) and not _has_activity(copier.layer(original)):
            raise ValueError(
                f"Layer {path!r} ({type(original).__name__}) has an activity_regularizer that its "
                "config or its constructor does not keep, and that would be lost. Take "
                f"{original.name}.activity_regularizer away, and put a layer "
                "keras.layers.ActivityRegularization after it."
            )


def _has_activity(layer: Any) -> bool:
    return any(each.activity_regularizer is not None for each in layer._flatten_layers())


def _kernels_without(layer: Any) -> list[Any]:
    """The weights of a layer that look like kernels and have no penalty."""
    return [
        weight
        for each in layer._flatten_layers()
        if not is_normalization(each)
        for weight in each._trainable_variables
        if len(weight.shape) > 1
        and weight.regularizer is None
        and not any(word in weight.name for word in ("bias", "embedding", "gamma", "beta"))
    ]
