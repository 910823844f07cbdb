"""`Watched`: one monitored metric, and what is known of it so far."""

import copy
from typing import Any

from .criteria import Criterion
from .improvement import Improvement
from .smoothing import ExponentialAverage, MovingMedian

__all__ = ["Watched"]


class Watched:
    """Follows one metric: smooths its values, knows the best, and asks the criterion.

    Args:
        name: as in `logs`.
        mode: "min" or "max".
        improvement: when a value is better than the best.
        smoothing: what is done to the values first.
        criterion: when to stop.
        baseline: until a value is better than it, no improvement resets the patience.

    Example:

    >>> from occam.callbacks import stopping
    >>> watched = Watched(
    ...     "val_loss", "min", Improvement(0), stopping.make_smoothing(None), stopping.Patience(1)
    ... )
    >>> for value in (2.0, 1.0, 3.0):
    ...     watched.observe(value)
    >>> watched.best, watched.criterion.met, watched.reason()
    (1.0, True, 'val_loss has not improved for 1 epoch')
    """

    def __init__(
        self,
        name: str,
        mode: str,
        improvement: Improvement,
        smoothing: ExponentialAverage | MovingMedian,
        criterion: Criterion,
        baseline: float | None = None,
    ):
        self.name = name
        self.mode = mode
        self.baseline = baseline
        self._improvement = improvement
        self._smoothing = smoothing
        self._criterion = criterion
        self.restart()

    def restart(self) -> None:
        """Forgets all values."""
        self.best: float | None = None
        self.smoothing = copy.copy(self._smoothing)
        self.criterion = copy.copy(self._criterion)

    def improves(self, value: float) -> bool:
        """Whether a finite value would be, smoothed, the new best."""
        return self._improvement(self.smoothing.peek(value), self.best, self.mode)

    def observe(self, value: float) -> None:
        """Takes in the finite value of an epoch."""
        improved = self.improves(value)
        value = self.smoothing.push(value)
        if improved:
            self.best = value
        self.criterion.observe(value, self.mode, improved=improved, counts=self._counts(value))

    def reason(self) -> str:
        """Why the criterion is met."""
        reason = self.criterion.reason(self.name)
        return (
            reason if self._counts(self.best) else f"{reason} over the baseline {self.baseline:g}"
        )

    def _counts(self, value: float | None) -> bool:
        if self.baseline is None:
            return True
        return value is not None and self._improvement(value, self.baseline, self.mode)

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs to go on; JSON."""
        criterion = {name: getattr(self.criterion, name) for name in self.criterion.state_names}
        return {"best": self.best, "smoothing": self.smoothing.state, "criterion": criterion}

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`."""
        self.best = state["best"]
        self.smoothing.state = list(state["smoothing"])
        for name, value in state["criterion"].items():
            setattr(self.criterion, name, value)
