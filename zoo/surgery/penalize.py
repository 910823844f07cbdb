"""`Penalize`: penalties, activity penalties and constraints, written into the configs of layers."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from ..regularization import Regularization
from ..regularizers import penalty_of
from .copier import config_of
from .edits import Edits
from .graph import Graph, Located
from .hints import subclassed
from .kernels import (
    UNKNOWN,
    Asked,
    asked_of,
    is_bias,
    is_kernel,
    is_scale,
    limit_of,
    weight_of,
)
from .ledger import Ledger
from .parts import ACTIVITY, Part, parts_inside, parts_of
from .places import heads
from .roles import core, is_activation, rectifies
from .rules import Rule, Skip

__all__ = ["Penalize"]

_ON_ACTIVATIONS = Regularization.names("activations")


@dataclass(frozen=True, eq=False)
class Given:
    """What was written into a config, to be found again in the layer that was made of it."""

    asked: tuple[str, ...]
    part: Part
    kind: str  # "regularizer" or "constraint"
    slot: str
    value: Any


class Penalize:
    """Plans penalties and constraints; `found.find` finds them again in the model that was made.

    Args:
        located: the layers that are called.
        regularization: what is asked of all kernels and activations.
        rules: what is asked of some layers.
        skip: what is left alone.
        edits: where configs are put.
        ledger: where it is written down.

    Attributes:
        given: what was written into configs of the layers' weights.
        activities: who asked for it, the layer, and the penalty on its outputs.
        decided: the identities of weights that an argument of their layer stands for.
        located: the layers.
    """

    def __init__(
        self,
        located: Sequence[Located],
        regularization: Regularization,
        rules: tuple[Rule, ...],
        skip: Skip,
        edits: Edits,
        ledger: Ledger,
    ):
        self.regularization, self.rules, self.skip = regularization, rules, skip
        self.edits, self.ledger = edits, ledger
        self._on_activations = penalty_of(regularization, "activations")
        self.given: list[Given] = []
        self._penalties: dict[Any, Any] = {}
        self.activities: list[tuple[tuple[str, ...], Located, Any]] = []
        self.decided: set[int] = set()
        self._parts = [part for place in located for part in self._parts_of(place)]
        self.located = list(located)

    def _parts_of(self, place: Located) -> list[Part]:
        paths, around = tuple(place.paths), tuple(place.around)
        config = self.edits.configs.setdefault(
            id(place.layer), config_of(place.layer, place.paths[0])
        )
        described = list(parts_of(place.layer, paths, config, around))
        covered = {id(w) for part in described for slot in part.slots for w in _covered(part, slot)}
        return [*described, *parts_inside(described[0], covered)]

    def check(self, rule: Rule, graph: Graph | None) -> None:
        """Notes what a rule asks for, and says if it means nothing in this model.

        Raises:
            ValueError: it matches no layer; the message lists the nearest names.
        """
        models = [inner.model for inner in graph.walk()][1:] if graph else []
        paths = graph.paths() if graph else {}
        met = [p for p in self._parts if any(rule.covers(p, slot) for slot in ("", *p.slots))]
        if not met and not any(rule.means(model, paths[id(model)]) for model in models):
            names = [part.path for part in self._parts]
            near = difflib.get_close_matches(rule.name, names, 3, 0.4) or names[:5]
            raise ValueError(
                f"{rule.asked_as()[0]} matches no layer. The nearest of {len(names)} paths: "
                f"{', '.join(near)}" + ("" if graph else f". {subclassed(self._parts[0].layer)}")
            )
        for request in rule.requests:
            self.ledger.want(request, self._hint(rule, met))

    def _hint(self, rule: Rule, met: list[Part]) -> str:
        if all(self.skip.part(part) for part in met):
            return "What it matches is left out by skip."
        earlier = self.rules[: self.rules.index(rule)]
        if all(any(other.covers(part) for other in earlier) for part in met):
            return "Rules before it match the same layers, and the first counts."
        names = sorted({slot for part in met for slot in part.slots})
        skipped = "; bias and normalization are skipped unless they are named or skip is empty"
        return f"The layers that it matches have the weights {', '.join(names) or 'none'}{skipped}."

    # Planning

    def plan(self, graph: Graph | None) -> None:
        """Writes all that is asked of weights and outputs into configs."""
        for part in self._parts:
            if not self.skip.part(part):
                for slot in part.slots:
                    self._weight(part, slot)
        ends = _ends(graph) if graph else set()
        for place in self.located:
            self._activity(place, ends)
        for operation, path in _bare_activations(graph):
            if asked := self.on(_ON_ACTIVATIONS):
                why = "it is an operation and no layer: use keras.layers.Activation"
                if id(operation) not in ends:
                    self.ledger.refuse(asked, path, ACTIVITY, None, why)

    def on(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of some fields that are asked for."""
        return tuple(name for name in names if name in self.regularization.on())

    def rule_for(self, part: Part, slot: str = "") -> Rule | None:
        """The first rule about a layer or one of its weights."""
        return next((rule for rule in self.rules if rule.covers(part, slot)), None)

    def _weight(self, part: Part, slot: str) -> None:
        self.decided |= set(map(id, _covered(part, slot)))
        rule = self.rule_for(part, slot)
        if rule and rule.nothing:
            return
        skipped = self.skip.slot(part, slot)
        word, penalty = rule.penalty(part, slot) if rule else ("", None)
        if penalty is not None and (word or not skipped or rule.names(slot)):
            self._give(rule.asked_as(word), part, "regularizer", slot, penalty)
        elif not skipped and _is_meant(part, slot):
            asked = asked_of(self.regularization, part, slot)
            fields = tuple(asked.taken.on())
            self._give(fields, part, "regularizer", slot, self._penalty(asked))
            for name, why in asked.refused.items():
                self.ledger.refuse((name,), part.path, slot, None, why)
        if is_kernel(part, slot):
            self._constraint(rule, part, slot)

    def _penalty(self, asked: Asked) -> Any:
        """The same for all kernels that are asked the same; in the model each gets its own."""
        key = (asked.taken, asked.units)
        if key not in self._penalties:
            self._penalties[key] = asked.penalty()
        return self._penalties[key]

    def _constraint(self, rule: Rule | None, part: Part, slot: str) -> None:
        if rule and rule.constraint is not None:
            self._give(rule.asked_as("constraint"), part, "constraint", slot, rule.constraint)
            return
        by_rule = bool(rule and rule.max_norm)
        asked = rule.asked_as("max_norm") if by_rule else ("max_norm",)
        if not (max_norm := rule.max_norm if by_rule else self.regularization.max_norm):
            return
        if (limit := limit_of(max_norm, part, slot)) is None:
            self.ledger.refuse(asked, part.path, slot, None, UNKNOWN)
        else:
            self._give(asked, part, "constraint", slot, limit)

    def _give(self, asked: tuple[str, ...], part: Part, kind: str, slot: str, value: Any) -> None:
        if value is None:
            return
        name = f"{slot}_{kind}"
        why = _objection(part, slot)
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
        self.given.append(Given(asked, part, kind, slot, value))

    def _activity(self, place: Located, ends: set[int]) -> None:
        layer, paths = place.layer, tuple(place.paths)
        rule = next((rule for rule in self.rules if rule.means(layer, paths)), None)
        if self.skip.layer(layer, paths) or (rule and rule.nothing):
            return
        asked = self.on(_ON_ACTIVATIONS)
        if rule and rule.activity is not None:
            asked, penalty = rule.asked_as(ACTIVITY), rule.activity
        elif asked and rectifies(core(layer)) and id(layer) not in ends:
            penalty = self._on_activations
        else:
            return
        config = self.edits.configs[id(layer)]
        config["activity_regularizer"] = keras.saving.serialize_keras_object(penalty)
        self.activities.append((asked, place, penalty))


def _covered(part: Part, slot: str) -> list[Any]:
    """The weights that an argument of a layer stands for."""
    known = weight_of(part, slot)
    if isinstance(known, keras.Variable) and not isinstance(part.owner, keras.layers.Bidirectional):
        return [known]
    # Where it is not known which, all of them; a Bidirectional has two layers of one config.
    return (part.layer if known is None else part.owner).weights


def _is_meant(part: Part, slot: str) -> bool:
    """Whether a `Regularization` is about a weight, if it is not skipped."""
    if part.inside:
        return is_kernel(part, slot) or is_bias(slot) or is_scale(part, slot)
    return slot not in ("embeddings", "alpha")


def _objection(part: Part, slot: str) -> str:
    """Why the kernel of a layer cannot have a penalty; empty if it can."""
    if not is_kernel(part, slot) and slot != "embeddings":
        return ""
    if getattr(part.layer, "quantization_mode", None):
        return "it is quantized, and its kernel not trained: regularize before quantize()"
    if getattr(part.layer, "lora_enabled", False):
        return "with LoRA, Keras puts it on A and B instead: regularize before enable_lora()"
    return ""


def _ends(graph: Graph) -> set[int]:
    """The identities of what makes the outputs of a model: its heads, and what follows them."""
    ends = set()
    for head in heads(graph):
        ends |= {id(call.operation) for call in (head.call, *head.tail) if call}
    return ends


def _bare_activations(graph: Graph | None) -> list[tuple[Any, str]]:
    return [
        (call.operation, call.path)
        for each in (graph.walk() if graph else ())
        for call in each.calls
        if not isinstance(call.operation, keras.layers.Layer) and is_activation(call.operation)
    ]
