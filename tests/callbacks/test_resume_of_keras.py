"""Keras' callbacks in a regression that is killed within an epoch and resumed."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from occam.callbacks import BackupAndRestore

EPOCHS, KILLED, BATCH = 9, 5, 2
SAMPLES = 32


class Kill(keras.callbacks.Callback):
    """`kill -9` within an epoch, after a few of its batches."""

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (KILLED, BATCH):
            os.kill(os.getpid(), signal.SIGKILL)


def train(path, *more):
    """Train with four of Keras' callbacks; return the history and the `best` of two of them."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(2, SAMPLES, 4))
    y = x @ [1.0, 2.0, 3.0, 4.0] + generator.normal(size=(2, SAMPLES))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.2), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.3, momentum=0.9), "mse", metrics=["mae"])
    of_keras = keras.callbacks
    # The rate falls step by step, so that it depends on all rates before.
    schedule = of_keras.LearningRateScheduler(lambda epoch, rate: rate * 0.95)
    plateau = of_keras.ReduceLROnPlateau("val_loss", factor=0.5, patience=2, cooldown=1)
    best = of_keras.ModelCheckpoint(
        path / "best-{epoch}.weights.h5", save_best_only=True, save_weights_only=True
    )
    batches = of_keras.ModelCheckpoint(
        path / "batch-{epoch}.weights.h5", save_freq=6, save_weights_only=True
    )
    table = of_keras.CSVLogger(path / "log.csv")
    callbacks = [schedule, plateau, best, batches, table, *more, BackupAndRestore(path / "backup")]
    history = model.fit(
        *(x[0], y[0]),
        validation_data=(x[1], y[1]),
        batch_size=8,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )
    return {
        "history": history.history,
        "epochs": history.epoch,
        "best": best.best,
        "plateau": (plateau.best, plateau.wait, plateau.cooldown_counter),
    }


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The directory and the results of a whole training, and of one that was killed."""
    whole, killed = (tmp_path_factory.mktemp(name) for name in ("whole", "killed"))
    command = [sys.executable, __file__, str(killed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert BackupAndRestore(killed / "backup").epoch == KILLED
    return (whole, train(whole)), (killed, train(killed))


def weights(path, pattern):
    found = {}
    for file in sorted(path.glob(pattern)):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.2)])
        model.add(keras.layers.Dense(1))
        model.load_weights(file)
        found[file.name] = [weight.tolist() for weight in model.get_weights()]
    return found


def test_the_history_is_that_of_a_training_that_was_not_killed(runs):
    (_, expected), (_, resumed) = runs
    assert resumed["history"] == expected["history"]
    assert resumed["epochs"] == [*range(EPOCHS)]


@pytest.mark.parametrize("files", ["best-*", "batch-*"])
def test_model_checkpoint_writes_the_same_files(runs, files):
    expected, resumed = (weights(path, files) for path, _ in runs)
    assert resumed == expected
    assert len(expected) > 1
    assert runs[0][1]["best"] == runs[1][1]["best"] == min(runs[0][1]["history"]["val_loss"])


def test_reduce_lr_on_plateau_keeps_its_counters(runs):
    (_, expected), (_, resumed) = runs
    assert resumed["plateau"] == expected["plateau"]


def test_the_rates_of_learning_rate_scheduler_continue(runs):
    rates = runs[1][1]["history"]["learning_rate"]
    assert rates == runs[0][1]["history"]["learning_rate"]
    steps = np.divide(rates[1:], rates[:-1])
    on_plateaus = np.isclose(steps, 0.95 * 0.5)
    assert on_plateaus.any()
    np.testing.assert_allclose(steps[~on_plateaus], 0.95, rtol=1e-5)


def test_csv_logger_has_each_epoch_once(runs):
    texts = [(path / "log.csv").read_text() for path, _ in runs]
    assert texts[0] == texts[1]
    rows = [*csv.DictReader(texts[1].splitlines())]
    assert [int(row["epoch"]) for row in rows] == [*range(EPOCHS)]
    assert [float(row["val_mae"]) for row in rows] == runs[1][1]["history"]["val_mae"]


if __name__ == "__main__":
    train(Path(sys.argv[1]), Kill())
