"""Patterns of layers: a class, or a text as in `fnmatch` of a name or a path."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import keras

from .parts import Part

__all__ = ["Pattern", "check_pattern", "describe", "matches_layer", "matches_part", "matches_slot"]

Pattern = str | type[keras.layers.Layer]


def check_pattern(argument: str, pattern: Any) -> Pattern:
    """Returns `pattern`, or says of which argument it is no pattern."""
    of_class = isinstance(pattern, type) and issubclass(pattern, keras.layers.Layer)
    if not of_class and not (isinstance(pattern, str) and pattern):
        raise TypeError(
            f"{argument}: expected a pattern of names or paths, or a class of layers. "
            f"Received: {pattern!r}"
        )
    return pattern


def describe(pattern: Pattern) -> str:
    """A pattern as text."""
    return pattern if isinstance(pattern, str) else pattern.__name__


def matches_layer(pattern: Pattern, layer: Any, paths: Sequence[str]) -> bool:
    """Whether a pattern means a layer itself.

    A text without a slash is compared with its name, wherever it lies; one with a slash with its
    whole path, so that `head/*` means all in `head`, and `head` too if that is a layer.

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
    """Whether a pattern means a layer or something that it lies in."""
    return matches_layer(pattern, part.layer, part.paths) or any(
        matches_layer(pattern, layer, paths) for layer, paths in part.around
    )


def matches_slot(pattern: Pattern, part: Part, slot: str) -> bool:
    """Whether a pattern means one weight of a layer: `head/kernel`, `*/recurrent`."""
    return isinstance(pattern, str) and any(
        fnmatchcase(f"{path}/{slot}", pattern) for path in part.paths
    )
