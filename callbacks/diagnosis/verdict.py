"""`Verdict`: what is the matter with a training, why, and what to change."""

import dataclasses
from collections.abc import Mapping
from typing import Any

__all__ = ["Verdict"]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What `diagnose` returns.

    Args:
        kind: diverged, underfitting, overfitting, data-limited or well fitted.
        rule: the name of the rule that decided it.
        evidence: numbers and epochs, a sentence each; epochs are counted from 1, as `fit` shows
            them.
        advice: what to change and by how much, the first thing first; empty if nothing.
        best_epoch: the epoch of the least validation loss, counted from 0, as `EarlyStopping` does;
            `None` if no epoch had finite values.

    Example:

    >>> print(Verdict("underfitting", "unfinished", ("It was short.",), ("Train longer.",), 0))
    underfitting (unfinished)
      It was short.
      > Train longer.
    """

    kind: str
    rule: str
    evidence: tuple[str, ...]
    advice: tuple[str, ...]
    best_epoch: int | None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Verdict":
        """The inverse of `to_dict`."""
        lists = {name: tuple(values[name]) for name in ("evidence", "advice")}
        return cls(**{**values, **lists})

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        lists = {"evidence": [*self.evidence], "advice": [*self.advice]}
        return {**dataclasses.asdict(self), **lists}

    def __str__(self) -> str:
        evidence = (f"  {line}" for line in self.evidence)
        advice = (f"  > {line}" for line in self.advice)
        return "\n".join([f"{self.kind} ({self.rule})", *evidence, *advice])
