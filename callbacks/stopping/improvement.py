"""`Improvement`: whether a value is better than the best one, by enough."""

import math

__all__ = ["Improvement"]


class Improvement:
    """Compares with the best value b so far, which an improvement has to beat by delta.

        mode min:  value + delta < b        mode max:  value - delta > b

    Args:
        min_delta: delta, of which the sign does not matter; or a share of the best value as in
            "1%", for which delta = 0.01 |b|.

    Raises:
        ValueError: a text that is no percentage, or a number that is not finite.

    >>> improves = Improvement("1%")
    >>> improves(99.5, 100.0, "min"), improves(98.5, 100.0, "min")
    (False, True)
    """

    def __init__(self, min_delta: float | str):
        self.relative = isinstance(min_delta, str)
        self.amount = _amount(min_delta)

    def __call__(self, value: float, best: float | None, mode: str) -> bool:
        if best is None:
            return True
        delta = self.amount * abs(best) if self.relative else self.amount
        return value + delta < best if mode == "min" else value - delta > best


def _amount(min_delta: float | str) -> float:
    try:
        if not isinstance(min_delta, str):
            amount = abs(float(min_delta))
        elif min_delta.endswith("%"):
            amount = abs(float(min_delta[:-1])) / 100
        else:
            amount = math.nan
    except (TypeError, ValueError):
        amount = math.nan
    if not math.isfinite(amount):
        raise ValueError(
            f"min_delta must be a number, or a percentage like '1%'. Received: {min_delta=}"
        )
    return amount
