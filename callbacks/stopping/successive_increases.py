"""`SuccessiveIncreases`: the curve has turned, however slightly."""

from .wording import count

__all__ = ["SuccessiveIncreases"]


class SuccessiveIncreases:
    """Met when the value got worse in s successive strips of k epochs.

        UP_s stops at t  if  UP_{s-1} stops at t - k  and  E(t) > E(t - k),     t = k, 2k, 3k, ...
        UP_1 stops at t  if  E(t) > E(t - k)

    Only the ends of the strips are compared, however much E has changed by then. The end of a
    strip without a finite value counts as worse.

    Reference: Prechelt, Early Stopping - But When?, 1998,
    https://doi.org/10.1007/3-540-49430-8_3

    >>> criterion = SuccessiveIncreases(strips=2, strip_length=1)
    >>> for error in (1.0, 2.0, 3.0):
    ...     criterion.observe(error, "min", improved=False, counts=True)
    >>> criterion.met
    True
    """

    state_names = ("epoch", "increases", "last", "met")

    def __init__(self, strips: int, strip_length: int):
        self.strips = strips
        self.strip_length = strip_length
        self.epoch = 0
        self.increases = 0
        self.last: float | None = None
        self.met = False

    def observe(self, value: float, mode: str, *, improved: bool, counts: bool) -> None:
        """Takes an epoch in."""
        if self._strip_ends():
            worse = self.last is not None and (
                value > self.last if mode == "min" else value < self.last
            )
            self._compare(worse)
            self.last = value

    def miss(self) -> None:
        """Takes an epoch without a finite value in."""
        if self._strip_ends():
            self._compare(True)

    def _strip_ends(self) -> bool:
        self.epoch += 1
        self.met = False
        return self.epoch % self.strip_length == 0

    def _compare(self, worse: bool) -> None:
        self.increases = self.increases + 1 if worse else 0
        self.met = self.increases >= self.strips

    def reason(self, name: str) -> str:
        """Why it is met."""
        strips = count(self.increases, "successive strip")
        return f"{name} got worse in {strips} of {count(self.strip_length, 'epoch')}"
