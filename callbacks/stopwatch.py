"""`Stopwatch`: the seconds that training took, over all the processes that it took."""

import time
from typing import Any

import keras

__all__ = ["Stopwatch"]


class Stopwatch(keras.callbacks.Callback):
    """Counts the seconds from the beginning of training to the end of the last epoch.

    A training that was killed and resumed (see `BackupAndRestore`) counts all its finished epochs.

    Attributes:
        seconds: the sum so far.

    >>> Stopwatch().seconds
    0.0
    """

    def __init__(self):
        super().__init__()
        self.seconds = 0.0

    def on_train_begin(self, logs=None):
        self.seconds = 0.0
        self._last = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter()
        self.seconds += now - self._last
        self._last = now

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs to go on."""
        return {"seconds": self.seconds}

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`."""
        self.seconds = state["seconds"]
