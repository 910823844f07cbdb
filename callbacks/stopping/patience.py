"""`Patience`: enough epochs without an improvement."""

from .wording import count

__all__ = ["Patience"]


class Patience:
    """Met when the last `epochs` epochs brought no improvement; 0 is as 1, as in Keras."""

    state_names = ("wait", "met")

    def __init__(self, epochs: int):
        self.epochs = epochs
        self.wait = 0
        self.met = False

    def observe(self, value: float, mode: str, *, improved: bool, counts: bool) -> None:
        """Takes an epoch in; an improvement that does not count leaves the wait as it is."""
        self.wait = 0 if improved and counts else self.wait + 1
        self.met = not improved and self.wait >= self.epochs

    def miss(self) -> None:
        """Takes an epoch without a finite value in."""
        self.wait += 1
        self.met = self.wait >= self.epochs

    def reason(self, name: str) -> str:
        """Why it is met."""
        return f"{name} has not improved for {count(self.wait, 'epoch')}"
