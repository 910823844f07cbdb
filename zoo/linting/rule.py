"""`Rule`, the check for one kind of mistake, and `Finding`, its result."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args

import keras

from ...core.checks import check_integer, check_one_of, check_type
from .view import View

Targets = Literal["hard", "smoothed", "mixed", "distilled"]
Found = tuple[str, str, str]  # path, why, fix


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    """A mistake in a model; `zoo.lint` returns a list of them.

    Args:
        code: The code of the rule, such as `"OCC101"`. Its first digit is the subject.
        path: The path of the layer, `"backbone/conv1"`, or the name of the model.
        why: The reason, in one line.
        fix: The remedy, in one line.

    Example:

    >>> print(Finding("OCC404", "dropout", "it drops 90%.", "Lower the rate."))
    OCC404 dropout: it drops 90%. Lower the rate.
    """

    code: str
    path: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.code} {self.path}: {self.why} {self.fix}"

    def to_dict(self) -> dict[str, str]:
        """Return the fields as JSON values."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """The arguments of `zoo.lint` about training and export; see there."""

    callbacks: Iterable[keras.callbacks.Callback] = ()
    batch_size: int | None = None
    steps: int | None = None
    targets: Targets = "hard"
    for_export: bool = False
    expect_zeros: bool = False

    def __post_init__(self):
        expected = "a list of Keras callbacks"
        check_type("callbacks", self.callbacks, Iterable, expected)
        object.__setattr__(self, "callbacks", tuple(self.callbacks))
        for callback in self.callbacks:
            check_type("callbacks", callback, keras.callbacks.Callback, expected)
        check_integer("batch_size", self.batch_size, minimum=1, optional=True)
        check_integer("steps", self.steps, minimum=1, optional=True)
        check_one_of("targets", self.targets, get_args(Targets))


Check = Callable[[View, Training], Iterable[Found]]


@dataclasses.dataclass(frozen=True)
class Rule:
    """One kind of mistake."""

    code: str  # `OCC` and three digits; the first is the subject
    title: str  # the mistake in a few words
    check: Check  # yields the path, why and fix of each finding


RULES: dict[str, Rule] = {}


def rule(code: str, title: str) -> Callable[[Check], Any]:
    """Register a check under a new code."""

    def register(check: Check) -> Check:
        if code in RULES:
            raise ValueError(f"Rule {code} is already registered: {RULES[code].title}.")
        RULES[code] = Rule(code, title, check)
        return check

    return register
