"""`Rule`: what `regularize` is told about the layers that match a pattern."""

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from .. import layers, regularizers
from .kernels import is_bias, is_kernel, is_scale
from .parts import ACTIVITY, Part
from .patterns import Pattern, check_pattern, describe, matches_layer, matches_part, matches_slot

__all__ = ["INSERTED", "Rule", "Skip", "parse_rules"]

INSERTED = {
    "dropout": layers.Dropout,
    "spatial_dropout": layers.SpatialDropout,
    "drop_block": layers.DropBlock,
    "noise": layers.GaussianNoise,
}
_CONSTRAINTS = ("constraint", "max_norm")
_WORDS = ("bias", "normalization")


@dataclass(frozen=True)
class Rule:
    """What is asked of the layers that match a pattern.

    Args:
        pattern: of layers.
        every: the penalty on all their weights that are not skipped, if any.
        weights: penalties by weight: `kernel` means all kernels of a layer.
        activity: the penalty on their outputs, if any.
        constraint: of their kernels, if any.
        max_norm: the largest norm of the weights into one unit, 0 for no limit.
        inserted: rates of what is put after them, by the word for it.
        nothing: the layers stay as they are.
    """

    pattern: Pattern
    every: Any = None
    weights: Mapping[str, Any] = field(default_factory=dict)
    activity: Any = None
    constraint: Any = None
    max_norm: float = 0.0
    inserted: Mapping[str, float] = field(default_factory=dict)
    nothing: bool = False

    @property
    def name(self) -> str:
        """The pattern as text."""
        return describe(self.pattern)

    def covers(self, part: Part, slot: str = "") -> bool:
        """Whether the rule is about a layer, or about one of its weights."""
        return matches_part(self.pattern, part) or matches_slot(self.pattern, part, slot)

    def means(self, layer: Any, paths: tuple[str, ...]) -> bool:
        """Whether the rule is about a layer itself, not about one that it lies in."""
        return matches_layer(self.pattern, layer, paths)

    def names(self, slot: str) -> bool:
        """Whether the pattern itself ends with the name of a weight: `head/bias`."""
        return isinstance(self.pattern, str) and self.pattern.endswith(f"/{slot}")

    def penalty(self, part: Part, slot: str) -> tuple[str, Any]:
        """What is asked of a weight, and by which word; an empty word and `None` for nothing."""
        if slot in self.weights:
            return slot, self.weights[slot]
        if "kernel" in self.weights and is_kernel(part, slot):
            return "kernel", self.weights["kernel"]
        return "", self.every

    def asked_as(self, word: str = "") -> tuple[str, ...]:
        """How a request is called: by the rule, and by the word in its dictionary."""
        return (f"rules[{self.name!r}]" + (f"[{word!r}]" if word else ""),)

    @property
    def requests(self) -> tuple[str, ...]:
        """All that the rule asks for, as it is called."""
        given = {"": self.every, ACTIVITY: self.activity, **self.weights}
        given |= {"constraint": self.constraint, "max_norm": self.max_norm}
        words = [*self.inserted, *(word for word, value in given.items() if value)]
        return tuple(name for word in words for name in self.asked_as(word))


def parse_rules(rules: Mapping[Any, Any] | None) -> tuple[Rule, ...]:
    """The rules that `regularize` was given, checked, in their order.

    Raises:
        TypeError: `rules` is no mapping, or a key is no pattern.
        ValueError: a value is neither a regularizer nor a dictionary of what is known.
    """
    if rules is None:
        return ()
    if not isinstance(rules, Mapping):
        raise TypeError(
            "rules must map patterns of layers to what they get, for example "
            f'{{"conv*": L2(1e-4)}}. Received: {rules!r}'
        )
    return tuple(_parse(check_pattern("rules", key), value) for key, value in rules.items())


def _parse(pattern: Pattern, value: Any) -> Rule:
    where = f"rules[{describe(pattern)!r}]"
    if value is None:
        return Rule(pattern, nothing=True)
    if not isinstance(value, Mapping) or "class_name" in value:
        return Rule(pattern, every=_regularizer(where, value))
    if not value:
        raise ValueError(f"{where}: an empty dictionary asks for nothing; None leaves layers alone")
    given = dict(value)
    constraint = given.pop("constraint", None)
    return Rule(
        pattern,
        activity=_regularizer(where, given.pop(ACTIVITY, None)),
        constraint=_constraint(where, constraint),
        max_norm=_number(where, "max_norm", given.pop("max_norm", 0.0)),
        inserted={w: _number(where, w, given.pop(w)) for w in INSERTED if w in given},
        weights={slot: _regularizer(where, penalty) for slot, penalty in given.items()},
    )


def _regularizer(where: str, value: Any) -> Any:
    """A penalty that can be written into a config and read again."""
    try:
        penalty = regularizers.get(value)
        if penalty is not None:
            keras.regularizers.get(keras.saving.serialize_keras_object(_known(penalty)))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{where}: expected a regularizer that Keras can save and load (a class of its own "
            "needs keras.saving.register_keras_serializable), or a dictionary with the names of "
            f'weights, "{ACTIVITY}", {_listed((*_CONSTRAINTS, *INSERTED))}. Received: {value!r}'
        ) from error
    return penalty


def _known(penalty: Any) -> Any:
    if not isinstance(penalty, keras.regularizers.Regularizer):
        raise TypeError("not a keras.regularizers.Regularizer")
    return penalty


def _constraint(where: str, value: Any) -> Any:
    try:
        constraint = keras.constraints.get(value)
    except ValueError:
        constraint = value
    if constraint is not None and not isinstance(constraint, keras.constraints.Constraint):
        raise ValueError(f"{where}: constraint must be one of Keras. Received: {value!r}")
    return constraint


def _number(where: str, word: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or value < 0:
        raise ValueError(f"{where}: {word} must be a number >= 0. Received: {value!r}")
    return float(value)


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f'"{word}"' for word in words)


class Skip:
    """What `regularize` leaves alone.

    Args:
        skip: the words "bias" and "normalization", and patterns of layers.
    """

    def __init__(self, skip: Any):
        if isinstance(skip, str | type):
            raise TypeError(f'skip must be a list of them, like ["bias"]. Received: {skip!r}')
        self.words = tuple(one for one in skip if one in _WORDS)
        self.patterns = tuple(check_pattern("skip", one) for one in skip if one not in _WORDS)

    def layer(self, layer: Any, paths: tuple[str, ...]) -> bool:
        """Whether a layer is left alone."""
        return any(matches_layer(pattern, layer, paths) for pattern in self.patterns)

    def part(self, part: Part) -> bool:
        """Whether a layer, or what it lies in, is left alone."""
        return any(matches_part(pattern, part) for pattern in self.patterns)

    def slot(self, part: Part, slot: str) -> bool:
        """Whether a weight is left alone by the words."""
        bias = "bias" in self.words and is_bias(slot)
        return bias or ("normalization" in self.words and is_scale(part, slot))
