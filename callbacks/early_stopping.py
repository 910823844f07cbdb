"""`EarlyStopping` on the data loss, which never takes a NaN epoch for the best."""

import math
from typing import Any

import keras

__all__ = ["EarlyStopping"]


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Stops when the monitored value has not improved for `patience` epochs.

    Takes the arguments of `keras.callbacks.EarlyStopping` and differs from it in that

    - `monitor` is `val_data_loss` by default: `val_loss` contains the penalty, so that a fall of
      the penalty hides a rise of the error;
    - the best weights are restored by default;
    - an epoch whose value is NaN or infinite is never the best one, and counts against `patience`;
    - a monitor that is not logged, or an unknown mode, is an error;
    - its state is saved and restored by `occam.callbacks.BackupAndRestore`.

    Raises:
        ValueError: `mode` is none of auto, min and max; or, at the end of the first epoch, the
            monitored value is not among the logged ones, which the message lists.

    Attributes:
        best: the best value so far.
        best_epoch: its epoch, from 0.
        stopped_epoch: the epoch after which training was stopped, 0 if it was not.

    Example:

    >>> EarlyStopping(patience=5).monitor
    'val_data_loss'

    Reference: Prechelt, Early Stopping - But When?, 1998,
    https://doi.org/10.1007/3-540-49430-8_3
    """

    def __init__(
        self,
        monitor="val_data_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=True,
        start_from_epoch=0,
    ):
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max'. Received: mode={mode!r}")
        if mode == "auto" and monitor.endswith("loss"):
            mode = "min"
        super().__init__(
            monitor=monitor,
            min_delta=min_delta,
            patience=patience,
            verbose=verbose,
            mode=mode,
            baseline=baseline,
            restore_best_weights=restore_best_weights,
            start_from_epoch=start_from_epoch,
        )

    def on_epoch_end(self, epoch, logs=None):
        if math.isfinite(self.get_monitor_value(logs)):
            super().on_epoch_end(epoch, logs)
        elif epoch >= self.start_from_epoch:
            self._count_failure(epoch)

    def _count_failure(self, epoch):
        self.wait += 1
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def get_monitor_value(self, logs):
        """The monitored value among `logs`, or an error that lists what is logged."""
        logs = logs or {}
        if self.monitor not in logs:
            raise ValueError(
                f"EarlyStopping monitors {self.monitor!r}, which is not logged. "
                f"Logged: {', '.join(sorted(logs)) or 'nothing'}"
            )
        return logs[self.monitor]

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs to go on: numbers, and the best weights as arrays."""
        return {
            "best": None if self.best is None else float(self.best),
            "best_epoch": self.best_epoch,
            "wait": self.wait,
            "stopped_epoch": self.stopped_epoch,
            "best_weights": self.best_weights,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`."""
        for name, value in state.items():
            setattr(self, name, value)
