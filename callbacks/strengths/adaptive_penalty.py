"""`AdaptivePenalty`: penalties that follow the generalization gap."""

from typing import Any

from ...core.checks import check_integer, check_number, message
from ..fit_data import as_number
from .live import LiveCallback, Target


class AdaptivePenalty(LiveCallback):
    """Raise strengths after an epoch whose gap is above the target, and lower them below it.

        strength <- clip(strength * factor,  bounds)   if gap > target_gap + tolerance
        strength <- clip(strength / factor,  bounds)   if gap < target_gap - tolerance

    The default gap, `gap_loss`, is the data loss on validation data minus the one on training
    samples in inference mode, as `LossLedger(train_eval=...)` logs it. A NaN changes nothing. The
    strength of the epoch is logged as `rates/<name>`, or as `rates/<name>/<number>` with several
    targets. Put the callback after the `LossLedger`.

    Args:
        target: As in `Schedule`.
        target_gap: The gap to hold.
        attribute: As in `Schedule`.
        monitor: The name of the gap in `logs`, which rises with overfitting.
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
            self._change(gap - self.target_gap)

    def _change(self, excess):
        if not abs(excess) > self.tolerance:
            return
        low, high = self.bounds
        factor = self.factor if excess > 0 else 1.0 / self.factor
        for live in self._live:
            live.assign(min(max(live.value * factor, low), high))

    def get_state(self) -> dict[str, Any]:
        """Return the state for a resumed training."""
        return {"wait": self._wait, "strengths": [live.value for live in self._live]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` returned, after the beginning of training."""
        self._wait = state["wait"]
        for live, value in zip(self._live, state["strengths"], strict=True):
            live.assign(value)
