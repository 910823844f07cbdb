"""`Panel`: all the metrics that early stopping monitors."""

from collections.abc import Callable
from typing import Any

from ..fit_data import as_number
from .monitors import default_monitor, direction, missing
from .watched import Watched

__all__ = ["Panel"]


class Panel:
    """The monitored metrics of one training, the one that decides on the weights first.

    Args:
        modes: of each name auto, min or max; empty for the default monitor.
        watch: makes a `Watched` of a name and a mode, min or max.

    Example:

    >>> from occam.callbacks import stopping
    >>> def watch(name, mode):
    ...     smoothing = stopping.make_smoothing(None)
    ...     return Watched(name, mode, stopping.Improvement(0), smoothing, stopping.Patience(1))
    >>> panel = Panel({"loss": "auto", "gap_loss": "min"}, watch)
    >>> panel.read({"loss": 2.0, "gap_loss": 0.5}, model=None, waits=False)
    [2.0, 0.5]
    """

    def __init__(self, modes: dict[str, str], watch: Callable[[str, str], Watched]):
        self._modes = modes
        self._watch = watch
        self.watched: list[Watched] = []

    def read(self, logs: dict[str, Any], model: Any, *, waits: bool) -> list[float] | None:
        """The values of an epoch, or None if there was no validation, and none is due.

        Args:
            logs: those of the epoch.
            model: knows the directions of its metrics.
            waits: whether the first values need not be there yet.

        Raises:
            ValueError: a name is not logged, is no single number, or has no known direction.
        """
        names = [each.name for each in self.watched] or [*self._modes] or ["val_loss"]
        validated = any(name.startswith("val_") for name in logs)
        if not validated and (waits or self.watched) and any(n.startswith("val_") for n in names):
            return None
        if not self.watched:
            names = [*self._modes] or [default_monitor(logs, model)]
        absent = [name for name in names if name not in logs]
        if absent:
            raise missing(absent, logs)
        if not self.watched:
            modes = {name: self._modes.get(name, "auto") for name in names}
            self._fix({n: direction(n, model) if m == "auto" else m for n, m in modes.items()})
        return [as_number(name, logs[name], "EarlyStopping") for name in names]

    def _fix(self, modes: dict[str, str]) -> None:
        """Settles what is monitored for the rest of the training."""
        self.watched = [self._watch(name, mode) for name, mode in modes.items()]

    def restart(self) -> None:
        """Forgets all values."""
        for watched in self.watched:
            watched.restart()

    def improves(self, values: list[float]) -> bool:
        """Whether the first value would be a new best."""
        return self.watched[0].improves(values[0])

    def observe(self, values: list[float]) -> None:
        """Takes in an epoch of finite values."""
        for watched, value in zip(self.watched, values, strict=True):
            watched.observe(value)

    def miss(self) -> None:
        """Takes in an epoch that was not finite."""
        for watched in self.watched:
            watched.criterion.miss()

    @property
    def names(self) -> list[str]:
        """What is monitored."""
        return [watched.name for watched in self.watched]

    @property
    def wait(self) -> int:
        """How many epochs ago any of them improved; 0 under a criterion that does not count."""
        return min((getattr(watched.criterion, "wait", 0) for watched in self.watched), default=0)

    def reason(self) -> str | None:
        """Why to stop, if the criterion is met for each of them."""
        if not self.watched or not all(watched.criterion.met for watched in self.watched):
            return None
        return "; ".join(watched.reason() for watched in self.watched)

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs to go on; JSON."""
        return {watched.name: (watched.mode, watched.get_state()) for watched in self.watched}

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`.

        Raises:
            ValueError: the state is of other names or modes.
        """
        saved = {name: mode for name, (mode, _) in state.items()}
        ours = self._modes or saved
        if saved and ([*saved] != [*ours] or any(ours[n] not in ("auto", saved[n]) for n in saved)):
            raise ValueError(
                "EarlyStopping cannot take up the state of other monitors: expected "
                f"{ours}. Received: {saved}"
            )
        self._fix(saved)
        for watched, (_, each) in zip(self.watched, state.values(), strict=True):
            watched.set_state(each)
