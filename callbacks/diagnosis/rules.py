"""The rules of `diagnose`, a table: the first whose condition holds decides."""

from collections.abc import Callable
from typing import NamedTuple

from . import advice, evidence
from .curves import Curves
from .thresholds import (
    EXPLODED,
    FALLING,
    GAP,
    HIGH,
    LEARNED,
    PRESENT,
    RISE,
    RISE_LEAST,
    RISE_NOISE,
    SOON,
    STRONG,
    UNSTABLE,
)

__all__ = ["RULES", "Rule"]


class Rule(NamedTuple):
    """One row: when it holds, what it says, and what to do."""

    kind: str
    name: str
    condition: Callable[[Curves], bool]
    evidence: tuple[Callable[[Curves], list[str]], ...]
    advice: Callable[[Curves], list[str]]


def _broken(curves: Curves) -> bool:
    return curves.broken is not None


def _exploded(curves: Curves) -> bool:
    rose = curves.train_rise > 1.0
    return curves.train[-1] > EXPLODED and (rose or len(curves.epochs) >= SOON)


def _rises(curves: Curves) -> bool:
    relative = RISE * curves.validation[curves.best]
    return curves.rise > max(relative, RISE_LEAST, RISE_NOISE * curves.noise)


def _unstable(curves: Curves) -> bool:
    return curves.train_rise > UNSTABLE and _rises(curves) and curves.gap_growth <= 0


def _high(curves: Curves) -> bool:
    return curves.train[-1] > HIGH


def _falls(curves: Curves) -> bool:
    return len(curves.epochs) < 2 or curves.fall > FALLING


def _regularized(curves: Curves) -> bool:
    return curves.share is not None and curves.share > PRESENT


def _strong(curves: Curves) -> bool:
    return curves.share is not None and curves.share >= STRONG


RULES = (
    Rule("diverged", "not finite", _broken, (evidence.not_finite,), advice.slower),
    Rule("diverged", "exploded", _exploded, (evidence.train_rose,), advice.slower),
    Rule("diverged", "unstable", _unstable, (evidence.train_rose,), advice.slower),
    Rule(
        "underfitting",
        "unfinished",
        lambda c: _high(c) and _falls(c),
        (evidence.levels, evidence.pace),
        advice.longer,
    ),
    Rule(
        "underfitting",
        "nothing learned",
        lambda c: c.train[-1] > 1 - LEARNED,
        (evidence.levels, evidence.share),
        advice.anything,
    ),
    Rule(
        "overfitting",
        "validation rises",
        lambda c: _rises(c) and c.gap_growth > 0,
        (evidence.levels, evidence.validation_rose),
        advice.stop,
    ),
    Rule(
        "underfitting",
        "regularization too strong",
        lambda c: _high(c) and _regularized(c),
        (evidence.levels, evidence.share),
        advice.relax,
    ),
    Rule(
        "underfitting",
        "too little capacity",
        _high,
        (evidence.levels, evidence.share),
        advice.capacity,
    ),
    Rule(
        "data-limited",
        "gap in spite of regularization",
        lambda c: c.gap > GAP and _strong(c),
        (evidence.levels, evidence.gap, evidence.share),
        advice.data,
    ),
    Rule(
        "overfitting",
        "gap",
        lambda c: c.gap > GAP,
        (evidence.levels, evidence.gap, evidence.share),
        advice.more,
    ),
    Rule(
        "well fitted",
        "still improving",
        lambda c: len(c.epochs) > 1 and _falls(c),
        (evidence.levels, evidence.pace),
        advice.longer,
    ),
    Rule(
        "well fitted",
        "small gap",
        lambda c: True,
        (evidence.levels, evidence.gap),
        advice.nothing,
    ),
)
