"""`AdaptivePenalty`: penalties that rise and fall to hold a gap of generalization."""

import math
from typing import Any

import keras

from ..fit_data import as_number
from .live import Live, Target, find_live
from .schedule import check_owners, log_rates

__all__ = ["AdaptivePenalty"]


class AdaptivePenalty(keras.callbacks.Callback):
    """After each epoch, raises strengths if the gap is above its target, and lowers them if below.

        strength <- clip(strength * factor,  bounds)   if gap > target_gap + tolerance
        strength <- clip(strength / factor,  bounds)   if gap < target_gap - tolerance

    The gap is what `monitor` names in `logs`: by default `gap_loss`, the data loss of validation
    minus that of training samples in inference mode, which `LossLedger(train_eval=...)` logs. A NaN
    changes nothing. Logged is, as `rates/<name>` (with several targets `rates/<name>/<number>`),
    the strength that was in force in the epoch. Training begins with the strengths as they are.

    Put it after the `LossLedger`.

    Args:
        target: as in `Schedule`; on JAX, a change of a regularizer's strength compiles the step
            anew.
        target_gap: the gap to hold.
        attribute: as in `Schedule`.
        monitor: name of the gap in `logs`, which rises with overfitting.
        factor: by which a strength changes, above 1.
        bounds: the least and the greatest strength, 0 < least < greatest.
        tolerance: distance from the target within which nothing changes, >= 0.
        patience: number of epochs between changes, at least 1.
        name: of the logged strength; the attribute's by default.

    Raises:
        ValueError: an argument is none of these, or as in `Schedule`; or, at the end of an epoch,
            `monitor` is not logged.

    Example:

    >>> strength = keras.Variable(1e-4, name="l2")  # in practice a regularizer, or a layer
    >>> adaptive = AdaptivePenalty(strength, 0.1, factor=2.0, bounds=(1e-6, 1e-2))
    """

    def __init__(
        self,
        target: Target,
        target_gap: float,
        *,
        attribute: str | None = None,
        monitor: str = "gap_loss",
        factor: float = 1.2,
        bounds: tuple[float, float] = (1e-6, 1.0),
        tolerance: float = 0.0,
        patience: int = 1,
        name: str | None = None,
    ):
        super().__init__()
        _check(target_gap, factor, bounds, tolerance, patience)
        self.target = target
        self.target_gap = target_gap
        self.attribute = attribute
        self.monitor = monitor
        self.factor = factor
        self.bounds = bounds
        self.tolerance = tolerance
        self.patience = patience
        self.name = name
        self._live: list[Live] = []
        self._wait = 0
        check_owners(target, attribute)

    def on_train_begin(self, logs=None):
        self._wait = 0
        self._live = find_live(self.target, self.attribute, self.model)

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        if self.monitor not in logs:
            raise ValueError(
                f"AdaptivePenalty monitors {self.monitor!r}, which is not logged: put a "
                "LossLedger(train_eval=...) before it, and give `validation_data` for each epoch. "
                f"Logged: {', '.join(sorted(logs)) or 'nothing'}"
            )
        log_rates(logs, self.name or self._live[0].name, [live.value for live in self._live])
        self._wait += 1
        if self._wait >= self.patience:
            self._wait = 0
            gap = as_number(self.monitor, logs[self.monitor], "AdaptivePenalty")
            self._change(gap - self.target_gap)

    def _change(self, excess):
        if not abs(excess) > self.tolerance:
            return
        least, greatest = self.bounds
        factor = self.factor if excess > 0 else 1.0 / self.factor
        for live in self._live:
            live.assign(min(max(live.value * factor, least), greatest))

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs to go on."""
        return {"wait": self._wait, "strengths": [live.value for live in self._live]}

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`, after the beginning of training."""
        self._wait = state["wait"]
        for live, value in zip(self._live, state["strengths"], strict=True):
            live.assign(value)

    def __deepcopy__(self, memo):
        copy = type(self).__new__(type(self))  # has the same targets, and no model yet
        vars(copy).update(vars(self), _model=None, _live=[])
        return copy


def _check(target_gap, factor, bounds, tolerance, patience):
    def refuse(expected, **received):
        ((name, value),) = received.items()
        raise ValueError(
            f"AdaptivePenalty: `{name}` must be {expected}. Received: {name}={value!r}"
        )

    if not math.isfinite(target_gap):
        refuse("a finite number", target_gap=target_gap)
    if not 1 < factor < math.inf:
        refuse("a finite number above 1", factor=factor)
    if len(bounds) != 2 or not 0 < bounds[0] < bounds[1]:
        refuse("(least, greatest) with 0 < least < greatest", bounds=bounds)
    if not 0 <= tolerance < math.inf:
        refuse("a finite number >= 0", tolerance=tolerance)
    if not isinstance(patience, int) or patience < 1:
        refuse("an integer >= 1", patience=patience)
