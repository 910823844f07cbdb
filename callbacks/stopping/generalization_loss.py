"""`GeneralizationLoss`: how far the curve is above its lowest point, in percent."""

import math

__all__ = ["GeneralizationLoss"]


class GeneralizationLoss:
    """Met when the value E is more than alpha percent worse than the best one so far.

        GL(t) = 100 (E(t) / E_opt(t) - 1) > alpha,      E_opt(t) = min of E(1), ..., E(t)

    Where higher is better, or E_opt is negative: 100 |E - E_opt| / |E_opt|, which is the same
    for errors. Nothing is waited for: one bad epoch stops, unless it is smoothed away.

    Reference: Prechelt, Early Stopping - But When?, 1998,
    https://doi.org/10.1007/3-540-49430-8_3

    >>> criterion = GeneralizationLoss(alpha=5)
    >>> for error in (2.0, 1.0, 1.04, 1.06):
    ...     criterion.observe(error, "min", improved=False, counts=True)
    ...     print(f"{criterion.loss:.1f}", criterion.met)
    0.0 False
    0.0 False
    4.0 False
    6.0 True
    """

    state_names = ("optimum", "loss", "met")

    def __init__(self, alpha: float):
        self.alpha = alpha
        self.optimum: float | None = None
        self.loss = 0.0
        self.met = False

    def observe(self, value: float, mode: str, *, improved: bool, counts: bool) -> None:
        """Takes an epoch in."""
        better = min if mode == "min" else max
        self.optimum = value if self.optimum is None else better(self.optimum, value)
        worse = abs(value - self.optimum)
        if worse:
            self.loss = 100 * worse / abs(self.optimum) if self.optimum else math.inf
        else:
            self.loss = 0.0
        self.met = self.loss > self.alpha

    def miss(self) -> None:
        """Takes an epoch without a finite value in, of which there is no loss."""
        self.met = False

    def reason(self, name: str) -> str:
        """Why it is met."""
        return f"{name} is {self.loss:.3g}% worse than its best, more than {self.alpha:g}%"
