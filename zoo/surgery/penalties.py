"""`PenaltyPlan`: decide on penalties and constraints, and write them into configs of layers."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from ...core.layer_kinds import has_activation, is_activation, is_normalization, unwrap
from ...core.model_graph import LocatedLayer, ModelGraph
from ..layers.penalized import weights_by_key
from ..regularization import Regularization
from ..regularizers import penalty_of
from .copier import Copier, Edits
from .layer_copy import layer_config
from .parts import ACTIVITY, Part, is_bias, parts_inside, parts_of
from .places import heads
from .report import Ledger, PartKind, WeightPenalty
from .rules import LayerRule, Skip

PENALTIES = Regularization.penalties("kernels")
_ON_ACTIVATIONS = Regularization.names("activations")
_KINDS: dict[str, PartKind] = {"regularizer": "penalty", "constraint": "constraint"}
_UNKNOWN = "the axes that lead into one unit are unknown"


@dataclass(frozen=True, eq=False)
class Given:
    """A planned penalty or constraint of a weight."""

    asked: tuple[str, ...]
    part: Part
    kind: str  # "regularizer" or "constraint"
    slot: str
    value: Any


class PenaltyPlan:
    """The penalties and constraints of a new model.

    `plan` writes them into the configs of `edits`, and `find` looks them up in the new model.
    """

    def __init__(
        self,
        located: Sequence[LocatedLayer],
        regularization: Regularization,
        rules: tuple[LayerRule, ...],
        skip: Skip,
        edits: Edits,
        ledger: Ledger,
    ):
        self.regularization, self.rules, self.skip = regularization, rules, skip
        self.edits, self.ledger = edits, ledger
        self._located = list(located)
        self._parts = [part for place in located for part in self._parts_of(place)]
        self._given: list[Given] = []
        self._activities: list[tuple[tuple[str, ...], LocatedLayer, Any]] = []
        self._decided: set[int] = set()  # weights with an argument for their penalty
        self._made: dict[Any, Any] = {}

    def _parts_of(self, place: LocatedLayer) -> list[Part]:
        config = layer_config(place.layer, place.paths[0])
        config = self.edits.configs.setdefault(id(place.layer), config)
        whole = Part(place.layer, place.paths, config, place.layer, (), place.around)
        described = list(parts_of(whole))
        covered = {id(w) for part in described for slot in part.slots for w in _covered(part, slot)}
        return [*described, *parts_inside(whole, covered)]

    def check(self, rule: LayerRule, graph: ModelGraph | None) -> None:
        """Record the requests of a rule, or raise a `ValueError` if it matches no layer."""
        models = [inner.model for inner in graph.walk()][1:] if graph else []
        paths = graph.paths() if graph else {}
        covered = [p for p in self._parts if any(rule.covers(p, slot) for slot in ("", *p.slots))]
        if not covered and not any(rule.matches(model, paths[id(model)]) for model in models):
            names = [part.path for part in self._parts]
            near = difflib.get_close_matches(rule.name, names, 3, 0.4) or names[:5]
            raise ValueError(
                f"{rule.asked_as()[0]} matches no layer. The nearest of {len(names)} paths: "
                f"{', '.join(near)}" + ("" if graph else f". {subclassed(self._parts[0].layer)}")
            )
        for request in rule.requests:
            self.ledger.want(request, self._hint(rule, covered))

    def _hint(self, rule: LayerRule, covered: list[Part]) -> str:
        if all(self.skip.part(part) for part in covered):
            return "`skip` leaves its layers out."
        earlier = self.rules[: self.rules.index(rule)]
        if all(any(other.covers(part) for other in earlier) for part in covered):
            return "Earlier rules match the same layers, and the first match counts."
        names = sorted({slot for part in covered for slot in part.slots})
        skipped = "; bias and normalization are skipped unless a rule names them or skip is empty"
        return f"Its layers have the weights {', '.join(names) or 'none'}{skipped}."

    def plan(self, graph: ModelGraph | None) -> None:
        """Write the penalties and constraints of weights and outputs into configs."""
        for part in self._parts:
            if not self.skip.part(part):
                for slot in part.slots:
                    self._weight(part, slot)
        ends = set()  # the heads and the calls after them
        for head in heads(graph) if graph else ():
            ends |= {id(call.operation) for call in (head.call, *head.tail) if call}
        for place in self._located:
            self._activity(place, ends)
        asked = self._on(_ON_ACTIVATIONS)
        for call in (call for each in (graph.walk() if graph else ()) for call in each.calls):
            is_layer = isinstance(call.operation, keras.layers.Layer)
            if asked and not is_layer and is_activation(call.operation):
                why = "it is an operation, not a layer: use keras.layers.Activation"
                if id(call.operation) not in ends:
                    self.ledger.refuse(asked, call.path, ACTIVITY, None, why)

    def _on(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name in self.regularization.on())

    def _rule_for(self, part: Part, slot: str = "") -> LayerRule | None:
        return next((rule for rule in self.rules if rule.covers(part, slot)), None)

    def _weight(self, part: Part, slot: str) -> None:
        self._decided |= set(map(id, _covered(part, slot)))
        rule = self._rule_for(part, slot)
        if rule and rule.nothing:
            return
        skipped = self.skip.slot(part, slot)
        word, penalty = rule.penalty(part, slot) if rule else ("", None)
        if penalty is not None and (word or not skipped or rule.names(slot)):
            self._give(rule.asked_as(word), part, "regularizer", slot, penalty)
        elif not skipped and _is_penalized_by_default(part, slot):
            taken, units, refused = _asked_of(self.regularization, part, slot)
            if (taken, units) not in self._made:
                self._made[taken, units] = penalty_of(taken, "kernels", units)
            self._give(tuple(taken.on()), part, "regularizer", slot, self._made[taken, units])
            for name, why in refused.items():
                self.ledger.refuse((name,), part.path, slot, None, why)
        if part.is_kernel(slot):
            self._constraint(rule, part, slot)

    def _constraint(self, rule: LayerRule | None, part: Part, slot: str) -> None:
        if rule and rule.constraint is not None:
            self._give(rule.asked_as("constraint"), part, "constraint", slot, rule.constraint)
            return
        by_rule = rule is not None and rule.max_norm
        asked = rule.asked_as("max_norm") if rule and by_rule else ("max_norm",)
        if not (max_norm := by_rule or self.regularization.max_norm):
            return
        if axes := part.input_axes(slot):
            limit = keras.constraints.MaxNorm(max_norm, list(axes))
            self._give(asked, part, "constraint", slot, limit)
        else:
            self.ledger.refuse(asked, part.path, slot, None, _UNKNOWN)

    def _give(self, asked: tuple[str, ...], part: Part, kind: str, slot: str, value: Any) -> None:
        if value is None:
            return
        name = f"{slot}_{kind}"
        why = _cannot_be_penalized(part, slot)
        if name not in part.config and not part.inside:
            why = f"{type(part.layer).__name__} takes no {name}"
        if why:
            self.ledger.refuse(asked, part.path, slot, value, why)
            return
        if part.inside:
            of_weight = self.edits.penalties_of(part.owner).setdefault(part.inside[slot][0], {})
            of_weight[kind] = value
        else:
            part.config[name] = keras.saving.serialize_keras_object(value)
        self._given.append(Given(asked, part, kind, slot, value))

    def _activity(self, place: LocatedLayer, ends: set[int]) -> None:
        layer, paths = place.layer, place.paths
        rule = next((rule for rule in self.rules if rule.matches(layer, paths)), None)
        if self.skip.layer(layer, paths) or (rule and rule.nothing):
            return
        asked = self._on(_ON_ACTIVATIONS)
        if rule and rule.activity is not None:
            asked, penalty = rule.asked_as(ACTIVITY), rule.activity
        elif asked and has_activation(unwrap(layer)) and id(layer) not in ends:
            penalty = penalty_of(self.regularization, "activations")
        else:
            return
        config = self.edits.configs[id(layer)]
        config["activity_regularizer"] = keras.saving.serialize_keras_object(penalty)
        self._activities.append((asked, place, penalty))

    def find(self, copier: Copier, model: keras.Model) -> tuple[WeightPenalty, ...]:
        """Record the planned changes, and return all penalties on weights of the new model."""
        trainable = {id(weight) for weight in model.trainable_weights}
        new = set()
        for given in self._given:
            owner, kind = given.part.owner, _KINDS[given.kind]
            for weight in _taken(given, copier):
                frozen = "" if id(weight) in trainable else "frozen"
                name, path = _weight_name(owner, weight), copier.path(owner)
                self.ledger.done(given.asked, path, name, given.value, kind=kind, why=frozen)
                new |= {id(weight)} if kind == "penalty" else set()
        for asked, place, penalty in self._activities:
            path = place.paths[0]
            if _has_activity(copier.layer(place.layer)):
                self.ledger.done(asked, path, "outputs", penalty, kind=ACTIVITY)
            else:
                why = f"{type(place.layer).__name__} does not use its activity_regularizer"
                self.ledger.refuse(asked, path, "outputs", penalty, why)
        _check_activities(copier)
        self._refuse_uncovered(copier)
        return tuple(
            WeightPenalty(path, _weight_name(made, weight), weight, id(weight) in new)
            for _, made, path in copier.pairs
            for weight in made.weights
            if weight.regularizer is not None
        )

    def _refuse_uncovered(self, copier: Copier) -> None:
        """Refuse penalties on kernels without an argument in their layer."""
        asked_of = {id(place.layer): self._asked_of_all(place) for place in self._located}
        for original, made, path in copier.pairs:
            if (asked := asked_of.get(id(original))) is None:
                continue
            for weight in _kernels_without(made):
                if id(copier.originals[id(weight)]) not in self._decided:
                    why = f"{type(original).__name__} takes no regularizer for it"
                    self.ledger.refuse(asked, path, _weight_name(original, weight), None, why)

    def _asked_of_all(self, place: LocatedLayer) -> tuple[str, ...] | None:
        """Return the requests for penalties on all kernels of a layer, or `None`."""
        part = Part(place.layer, place.paths, {}, place.layer, (), place.around)
        if self.skip.part(part):
            return None
        rule = self._rule_for(part)
        if rule and (rule.nothing or rule.every or "kernel" in rule.weights):
            return None if rule.nothing else rule.asked_as("" if rule.every else "kernel")
        return self._on(tuple(PENALTIES)) or None


def subclassed(model: keras.Model) -> str:
    """Return advice for a model whose calls are unknown."""
    return (
        f"{type(model).__name__} is subclassed, and its calls are unknown: build a functional "
        "model, or give its constructor (and get_config) an argument kernel_regularizer that it "
        "passes to its layers."
    )


def _asked_of(
    regularization: Regularization, part: Part, slot: str
) -> tuple[Regularization, int, dict[str, str]]:
    """Return the penalties of a kernel, the axis of its units, and the refused fields."""
    on, axes = regularization.on(), part.input_axes(slot)
    fields = {name: on[name] for name in PENALTIES if name in on}
    refused = {name: why for name in fields if (why := _objection(name, axes, part, slot))}
    taken = Regularization(**{n: value for n, value in fields.items() if n not in refused})
    units = -1
    if axes:  # the longest unit axis
        shape = part.weight(slot).shape
        units = max((a for a in range(len(shape)) if a not in axes), key=lambda a: shape[a])
    return taken, units, refused


def _objection(field: str, axes: tuple[int, ...] | None, part: Part, slot: str) -> str:
    """Return the reason why a field cannot apply to a kernel, or `""`."""
    needed = PENALTIES[field].units
    if needed == "ignored":
        return ""
    if axes is None:
        return _UNKNOWN
    shape = part.weight(slot).shape
    wide = [axis for axis in range(len(shape)) if axis not in axes and shape[axis] > 1]
    if needed == "one axis" and len(wide) > 1:
        return "its units lie along several axes"
    if needed == "last axis" and wide != [len(shape) - 1]:
        return "it needs two or more units along the last axis"
    return ""


def _is_penalized_by_default(part: Part, slot: str) -> bool:
    """Return whether a `Regularization` penalizes a weight, unless it is skipped."""
    if part.inside:
        return part.is_kernel(slot) or is_bias(slot) or part.is_scale(slot)
    return slot not in ("embeddings", "alpha")


def _cannot_be_penalized(part: Part, slot: str) -> str:
    """Return the reason why a weight cannot have a penalty, or `""`."""
    if not part.is_kernel(slot) and slot != "embeddings":
        return ""
    if getattr(part.layer, "quantization_mode", None):
        return "it is quantized: regularize before quantize()"
    if getattr(part.layer, "lora_enabled", False):
        return "with LoRA, Keras penalizes A and B instead: regularize before enable_lora()"
    return ""


def _covered(part: Part, slot: str) -> list[Any]:
    """Return the weights for which `<slot>_regularizer` is the argument."""
    known = part.weight(slot)
    if isinstance(known, keras.Variable) and not isinstance(part.owner, keras.layers.Bidirectional):
        return [known]
    # All weights if the slot is unknown; a Bidirectional makes two layers from one config.
    return (part.layer if known is None else part.owner).weights


def _taken(given: Given, copier: Copier) -> list[Any]:
    """Return the weights of a copy with a planned penalty or constraint."""
    copy = copier.unwrapped[id(given.part.owner)]
    if given.part.inside:
        return [weights_by_key(copy)[given.part.inside[given.slot][0]][1]]
    layer, name = given.part.same_in(copy), f"{given.slot}_{given.kind}"
    value = getattr(layer, name, None) or getattr(layer, f"_{name}", None)
    found = [w for w in layer.weights if value and getattr(w, given.kind) is value]
    if not found:
        raise ValueError(
            f"Layer {given.part.path!r} ({type(layer).__name__}) does not use its {name}: pass it "
            "to add_weight, or leave the layer out with `skip`."
        )
    return found


def _weight_name(layer: Any, weight: Any) -> str:
    """Return the name of a weight within `layer`: `query/kernel`."""
    names = weight.path.split("/")
    inside = [i for i, name in enumerate(names[:-1]) if name == layer.name]
    return "/".join(names[inside[-1] + 1 :] if inside else names)


def _kernels_without(layer: Any) -> list[Any]:
    """Return the weights of a layer that look like kernels and have no penalty."""
    return [
        weight
        for each in layer._flatten_layers()
        if not is_normalization(each)
        for weight in each._trainable_variables
        if len(weight.shape) > 1
        and weight.regularizer is None
        and not any(word in weight.name for word in ("bias", "embedding", "gamma", "beta"))
    ]


def _has_activity(layer: Any) -> bool:
    return any(each.activity_regularizer is not None for each in layer._flatten_layers())


def _check_activities(copier: Copier) -> None:
    """Raise if the copy lacks a penalty on outputs that the original has."""
    for original, _, path in copier.pairs:
        if _has_activity(original) and not _has_activity(copier.layer(original)):
            raise ValueError(
                f"Layer {path!r} ({type(original).__name__}) has an activity_regularizer that its "
                "config or constructor does not keep, so the copy would lose it. Put a layer "
                "keras.layers.ActivityRegularization after it instead."
            )
