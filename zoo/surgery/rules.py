"""`LayerRule` and `Skip`: the arguments `rules` and `skip` of `regularize`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import keras

from ...core.checks import check_number, check_type, message
from .. import regularizers
from ..models.wiring import RANDOM_LAYERS
from .parts import ACTIVITY, Part, is_bias

Pattern = str | type[keras.layers.Layer]

_WORDS = ("bias", "normalization")


@dataclass(frozen=True)
class LayerRule:
    """The regularization of the layers that match a pattern."""

    pattern: Pattern
    every: Any = None  # a penalty on all weights that are not skipped
    weights: Mapping[str, Any] = field(default_factory=dict)  # penalties by slot
    activity: Any = None  # a penalty on the outputs
    constraint: Any = None  # on the kernels
    max_norm: float = 0.0  # of the weights into one unit; 0 is no limit
    inserted: Mapping[str, float] = field(default_factory=dict)  # rates, as in `RANDOM_LAYERS`
    nothing: bool = False  # whether the layers stay as they are

    @property
    def name(self) -> str:
        """The pattern as text."""
        return self.pattern if isinstance(self.pattern, str) else self.pattern.__name__

    def covers(self, part: Part, slot: str = "") -> bool:
        """Return whether the rule applies to a layer or to one of its weights."""
        return matches_part(self.pattern, part) or matches_slot(self.pattern, part, slot)

    def matches(self, layer: Any, paths: tuple[str, ...]) -> bool:
        """Return whether the pattern matches a layer itself, rather than one around it."""
        return matches_layer(self.pattern, layer, paths)

    def names(self, slot: str) -> bool:
        """Return whether the pattern ends with the name of a weight: `head/bias`."""
        return isinstance(self.pattern, str) and self.pattern.endswith(f"/{slot}")

    def penalty(self, part: Part, slot: str) -> tuple[str, Any]:
        """Return the penalty on a weight and its key in the dictionary, `""` for `every`."""
        if slot in self.weights:
            return slot, self.weights[slot]
        if "kernel" in self.weights and part.is_kernel(slot):
            return "kernel", self.weights["kernel"]
        return "", self.every

    def asked_as(self, word: str = "") -> tuple[str, ...]:
        """Return the name of a request: the rule and the key in its dictionary."""
        return (f"rules[{self.name!r}]" + (f"[{word!r}]" if word else ""),)

    @property
    def requests(self) -> tuple[str, ...]:
        """The names of all requests of the rule."""
        given = {"": self.every, ACTIVITY: self.activity, **self.weights}
        given |= {"constraint": self.constraint, "max_norm": self.max_norm}
        words = [*self.inserted, *(word for word, value in given.items() if value)]
        return tuple(name for word in words for name in self.asked_as(word))


class Skip:
    """The layers and weights that `regularize` leaves alone."""

    def __init__(self, skip: Any):
        if isinstance(skip, str | type):
            raise TypeError(message("skip", skip, 'a list, for example ["bias"]'))
        self.words = tuple(one for one in skip if one in _WORDS)
        self.patterns = tuple(check_pattern("skip", one) for one in skip if one not in _WORDS)

    def layer(self, layer: Any, paths: tuple[str, ...]) -> bool:
        """Return whether a layer is left alone."""
        return any(matches_layer(pattern, layer, paths) for pattern in self.patterns)

    def part(self, part: Part) -> bool:
        """Return whether a layer, or one around it, is left alone."""
        return any(matches_part(pattern, part) for pattern in self.patterns)

    def slot(self, part: Part, slot: str) -> bool:
        """Return whether a weight is left alone as a bias or a normalization."""
        bias = "bias" in self.words and is_bias(slot)
        return bias or ("normalization" in self.words and part.is_scale(slot))


def check_pattern(argument: str, pattern: Any) -> Pattern:
    """Return `pattern`, or raise a `TypeError` if it is not one."""
    is_class = isinstance(pattern, type) and issubclass(pattern, keras.layers.Layer)
    if not is_class and not (isinstance(pattern, str) and pattern):
        expected = "made of patterns of names or paths and classes of layers"
        raise TypeError(message(argument, pattern, expected))
    return pattern


def matches_layer(pattern: Pattern, layer: Any, paths: Sequence[str]) -> bool:
    """Return whether a pattern matches a layer itself.

    A pattern without a slash is compared with its name, one with a slash with its whole path. So
    `head/*` matches all layers in `head`, and a layer `head` too.

    >>> dense = keras.layers.Dense(3, name="logits")
    >>> [matches_layer(p, dense, ["head/logits"]) for p in ("log*", "head/*", "logits/*", "h*")]
    [True, True, False, False]
    """
    if not isinstance(pattern, str):
        return isinstance(layer, pattern)
    if "/" not in pattern:
        return fnmatchcase(layer.name, pattern)
    return any(fnmatchcase(path, pattern) or fnmatchcase(f"{path}/", pattern) for path in paths)


def matches_part(pattern: Pattern, part: Part) -> bool:
    """Return whether a pattern matches a layer or one around it."""
    return matches_layer(pattern, part.layer, part.paths) or any(
        matches_layer(pattern, layer, paths) for layer, paths in part.around
    )


def matches_slot(pattern: Pattern, part: Part, slot: str) -> bool:
    """Return whether a pattern matches one weight of a layer: `head/kernel`, `*/recurrent`."""
    return isinstance(pattern, str) and any(
        fnmatchcase(f"{path}/{slot}", pattern) for path in part.paths
    )


def parse_rules(rules: Mapping[Any, Any] | None) -> tuple[LayerRule, ...]:
    """Check the argument `rules` of `regularize`, and return the rules in order."""
    if rules is None:
        return ()
    expected = 'a mapping of patterns of layers, for example {"conv*": L2(1e-4)}'
    check_type("rules", rules, Mapping, expected)
    return tuple(_parse(check_pattern("rules", key), value) for key, value in rules.items())


def _parse(pattern: Pattern, value: Any) -> LayerRule:
    if value is None:
        return LayerRule(pattern, nothing=True)
    where = LayerRule(pattern).asked_as()[0]
    if not isinstance(value, Mapping) or "class_name" in value:
        return LayerRule(pattern, every=_regularizer(where, value))
    if not value:
        raise ValueError(message(where, value, "None, to leave layers alone, or a full dictionary"))
    given = dict(value)
    inserted = {word: given.pop(word) for word in RANDOM_LAYERS if word in given}
    max_norm = given.pop("max_norm", 0.0)
    for word, number in {**inserted, "max_norm": max_norm}.items():
        check_number(f"{where}[{word!r}]", number, "[0, inf)")
    return LayerRule(
        pattern,
        activity=_regularizer(where, given.pop(ACTIVITY, None)),
        constraint=_constraint(where, given.pop("constraint", None)),
        max_norm=float(max_norm),
        inserted=inserted,
        weights={slot: _regularizer(where, penalty) for slot, penalty in given.items()},
    )


def _regularizer(where: str, value: Any) -> Any:
    """Return a penalty that can be saved and loaded."""
    try:
        penalty = regularizers.get(value)
        if penalty is not None:
            check_type(where, penalty, keras.regularizers.Regularizer, "a Regularizer")
            keras.regularizers.get(keras.saving.serialize_keras_object(penalty))
    except (ValueError, TypeError) as error:
        words = (ACTIVITY, "constraint", "max_norm", *RANDOM_LAYERS)
        expected = (
            "a regularizer that Keras can save and load (a user-defined class needs "
            "keras.saving.register_keras_serializable), or a dictionary with the names of weights, "
            + ", ".join(f'"{word}"' for word in words)
        )
        raise ValueError(message(where, value, expected)) from error
    return penalty


def _constraint(where: str, value: Any) -> Any:
    try:
        constraint = keras.constraints.get(value)
    except ValueError:
        constraint = value
    if constraint is not None and not isinstance(constraint, keras.constraints.Constraint):
        raise ValueError(message(f"{where}['constraint']", value, "a constraint of Keras"))
    return constraint
