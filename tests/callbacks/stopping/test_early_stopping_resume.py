"""A training that is killed and resumed stops at the same epoch with the same best weights."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from occam.callbacks import BackupAndRestore, EarlyStopping

OPTIONS = {
    "patience": {"patience": 4, "smooth": "median:3"},
    "ema": {"patience": 4},
}


class Kill(keras.callbacks.Callback):
    """`kill -9` in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch == self.epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now and batch == 1:
            os.kill(os.getpid(), signal.SIGKILL)


def train(path, option, *more):
    """Overfits noise until it stops; returns the callback, the epochs and the weights."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(48, 8)).astype("float32"), rng.normal(size=(48, 1)).astype("float32")
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(16, "tanh"), keras.layers.Dense(1)]
    )
    averaging = {"use_ema": True, "ema_momentum": 0.8} if option == "ema" else {}
    model.compile(keras.optimizers.Adam(0.02, **averaging), "mse", jit_compile=False)
    stopping = EarlyStopping("val_loss", verbose=0, **OPTIONS[option])
    backup = BackupAndRestore(path, delete_checkpoint=False, callbacks=[stopping])
    history = model.fit(
        x[:32],
        y[:32],
        batch_size=8,
        epochs=60,
        shuffle=False,
        verbose=0,
        validation_data=(x[32:], y[32:]),
        callbacks=[stopping, *more, backup],
    )
    return stopping, history.history["val_loss"], model.get_weights()


@pytest.mark.slow
@pytest.mark.parametrize("option", OPTIONS)
def test_a_killed_training_stops_as_if_it_had_not_been(option, tmp_path):
    whole, curve, weights = train(tmp_path / "whole", option)
    assert 3 < whole.stopped_epoch < 59
    # Before and after the best epoch; with the averages once is enough.
    for epoch in (1, whole.stopped_epoch) if option == "patience" else (whole.best_epoch + 1,):
        killed = subprocess.run(
            [sys.executable, __file__, str(tmp_path / "killed"), option, str(epoch)],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
        assert BackupAndRestore(tmp_path / "killed").epoch == epoch
    resumed, resumed_curve, resumed_weights = train(tmp_path / "killed", option)
    assert resumed_curve == curve
    for name in ("best_epoch", "best_value", "stopped_epoch", "stop_reason", "wasted_epochs"):
        assert getattr(resumed, name) == getattr(whole, name), name
    for ours, theirs in zip(resumed_weights, weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


if __name__ == "__main__":
    train(Path(sys.argv[1]), sys.argv[2], Kill(int(sys.argv[3])))
