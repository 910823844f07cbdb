"""`rule`: registers a function that looks for one kind of mistake."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .finding import Finding
from .training import Training
from .view import View

__all__ = ["RULES", "Rule", "rule"]

# Path, why, mend.
Found = tuple[str, str, str]
Check = Callable[[View, Training], Iterable[Found]]


@dataclass(frozen=True)
class Rule:
    """One kind of mistake.

    Args:
        code: three digits after `OCC`; the first is the subject.
        title: the mistake in a few words.
        check: `check(view, training)` yields path, why and mend of each finding.
    """

    code: str
    title: str
    check: Check

    def findings(self, view: View, training: Training) -> Iterator[Finding]:
        """What the rule finds."""
        for found in self.check(view, training):
            yield Finding(self.code, *found)


RULES: dict[str, Rule] = {}


def rule(code: str, title: str) -> Callable[[Check], Any]:
    """Registers the function below it under a code that is not taken yet."""

    def register(check: Check) -> Check:
        if code in RULES:
            raise ValueError(f"Rule {code} is registered already: {RULES[code].title}")
        RULES[code] = Rule(code, title, check)
        return check

    return register
