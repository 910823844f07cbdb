"""Criteria of Prechelt (1998) for `EarlyStopping(criterion=...)`."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...core.checks import check_integer, check_number, message

# A function of the smoothed values so far (NaN if not finite) and "min" or "max" that returns the
# reason to stop, as the predicate of a sentence, or None.
Criterion = Callable[[Sequence[float], str], str | None]


class GeneralizationLoss:
    """Stop when the value E is more than alpha percent worse than the best one so far.

        GL(t) = 100 (E(t) / E_opt(t) - 1) > alpha,      E_opt(t) = min of E(1), ..., E(t)

    For values that are better when higher, or negative: 100 |E - E_opt| / |E_opt|. A single bad
    epoch stops training, unless smoothing removes it.

    Args:
        alpha: Threshold in percent. Prechelt compares 1 to 5.

    Example:

    >>> criterion = GeneralizationLoss(alpha=5)
    >>> criterion([2.0, 1.0, 1.04], "min")
    >>> criterion([2.0, 1.0, 1.04, 1.06], "min")
    'is 6% worse than its best, more than 5%'

    Reference: Prechelt, Early Stopping - But When?, 1998,
    https://doi.org/10.1007/3-540-49430-8_3
    """

    def __init__(self, alpha: float = 5.0):
        check_number("alpha", alpha, "(0, inf)")
        self.alpha = alpha

    def __call__(self, values: Sequence[float], mode: str) -> str | None:
        value = values[-1]
        if not math.isfinite(value):
            return None
        best = (min if mode == "min" else max)(v for v in values if math.isfinite(v))
        if value == best:
            return None
        loss = 100 * abs(value - best) / abs(best) if best else math.inf
        text = f"is {loss:.3g}% worse than its best, more than {self.alpha:g}%"
        return text if loss > self.alpha else None


class SuccessiveIncreases:
    """Stop when the value got worse in s successive strips of k epochs.

        UP_s stops at t  if  UP_{s-1} stops at t - k  and  E(t) > E(t - k),     t = k, 2k, 3k, ...
        UP_1 stops at t  if  E(t) > E(t - k)

    Only the ends of the strips are compared. An end that is not finite counts as worse.

    Args:
        strips: Number s of strips. Prechelt compares 2 to 8.
        strip_length: Number k of epochs in a strip; Prechelt uses 5.

    Example:

    >>> criterion = SuccessiveIncreases(strips=2, strip_length=1)
    >>> criterion([1.0, 2.0, 3.0], "min")
    'got worse in 2 successive strips of 1 epoch'

    Reference: Prechelt, Early Stopping - But When?, 1998,
    https://doi.org/10.1007/3-540-49430-8_3
    """

    def __init__(self, strips: int = 3, strip_length: int = 5):
        check_integer("strips", strips, minimum=1)
        check_integer("strip_length", strip_length, minimum=1)
        self.strips = strips
        self.strip_length = strip_length

    def __call__(self, values: Sequence[float], mode: str) -> str | None:
        if len(values) % self.strip_length:
            return None
        increases, last = 0, math.nan
        for end in values[self.strip_length - 1 :: self.strip_length]:
            finite = math.isfinite(end)
            worse = not finite or (end > last if mode == "min" else end < last)
            increases = increases + 1 if worse else 0
            last = end if finite else last
        if increases < self.strips:
            return None
        strips = count(increases, "successive strip")
        return f"got worse in {strips} of {count(self.strip_length, 'epoch')}"


def criterion_of(criterion: Any) -> Criterion | None:
    """Return the criterion for an argument of `EarlyStopping`; `None` for "patience"."""
    if criterion == "patience":
        return None
    if isinstance(criterion, str) and criterion in ("gl", "up"):
        return GeneralizationLoss() if criterion == "gl" else SuccessiveIncreases()
    if not callable(criterion) or isinstance(criterion, type):
        expected = "'patience', 'gl', 'up' or a criterion such as GeneralizationLoss(5)"
        raise ValueError(message("criterion", criterion, expected))
    return criterion  # pyright: ignore[reportReturnType]


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as "1 epoch" or "3 epochs"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
