"""`AdaptivePenalty`: penalties that follow the generalization gap."""

from typing import Any

from ...core.checks import check_integer, check_number, message
from ..fit_data import as_number
from .live import LiveCallback, Target


class AdaptivePenalty(LiveCallback):
    """Raise strengths while the gap is above the target, and lower them while it is below.

        strength <- clip(strength * factor,  bounds)   if gap > target_gap + tolerance
        strength <- clip(strength / factor,  bounds)   if gap < target_gap - tolerance

    The default gap, `gap_loss`, is the data loss on validation data minus that on training samples
    in inference mode, from `LossLedger(train_eval=...)`, which comes before this callback. A NaN
    changes nothing. The strength of the epoch is logged as `rates/<name>`, or as
    `rates/<name>/<number>` with several targets.

    Args:
        target: As in `Schedule`.
        target_gap: The gap to hold.
        attribute: As in `Schedule`.
        monitor: The name of the gap in `logs`.
        factor: The factor by which a strength changes, > 1.
        bounds: The minimum and the maximum strength, 0 < minimum < maximum.
        tolerance: The distance from the target within which nothing changes, >= 0.
        patience: The number of epochs between changes, >= 1.
        name: The name of the logged strength, by default the attribute's.

    Raises:
        ValueError: If an argument is invalid, also as in `Schedule`, or if `monitor` is not logged
            at the end of an epoch.

    Example:

    >>> import keras
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
        super().__init__(target, attribute, name)
        check_number("target_gap", target_gap, "(-inf, inf)")
        check_number("factor", factor, "(1, inf)")
        check_number("tolerance", tolerance, "[0, inf)")
        check_integer("patience", patience, minimum=1)
        if len(bounds) != 2 or not 0 < bounds[0] < bounds[1]:
            raise ValueError(message("bounds", bounds, "a pair with 0 < min < max"))
        self.target_gap = target_gap
        self.monitor = monitor
        self.factor = factor
        self.bounds = bounds
        self.tolerance = tolerance
        self.patience = patience
        self._wait = 0

    def on_train_begin(self, logs=None):
        super().on_train_begin()
        self._wait = 0

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        if self.monitor not in logs:
            raise ValueError(
                "`monitor` must be logged every epoch, for example by LossLedger(train_eval=...) "
                f"with `validation_data`. Received: monitor={self.monitor!r}, "
                f"logged: {', '.join(sorted(logs)) or 'nothing'}"
            )
        self._log_rates(logs, [live.value for live in self._live])
        self._wait += 1
        if self._wait >= self.patience:
            self._wait = 0
            gap = as_number(self.monitor, logs[self.monitor], "AdaptivePenalty")
            excess = gap - self.target_gap
            if abs(excess) > self.tolerance:
                factor = self.factor if excess > 0 else 1.0 / self.factor
                for live in self._live:
                    live.assign(min(max(live.value * factor, self.bounds[0]), self.bounds[1]))

    def get_state(self) -> dict[str, Any]:
        return {"wait": self._wait, "strengths": [live.value for live in self._live]}

    def set_state(self, state: dict[str, Any]) -> None:
        self._wait = state["wait"]
        for live, value in zip(self._live, state["strengths"], strict=True):
            live.assign(value)
