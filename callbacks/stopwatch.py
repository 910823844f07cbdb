"""Measure the training time, over all processes of a resumed training."""

import time
from typing import Any

import keras


class Stopwatch(keras.callbacks.Callback):
    """Measure the seconds from the beginning of training to the end of the last epoch.

    If `BackupAndRestore` has resumed the training, all finished epochs count.

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
        return {"seconds": self.seconds}

    def set_state(self, state: dict[str, Any]) -> None:
        self.seconds = state["seconds"]
