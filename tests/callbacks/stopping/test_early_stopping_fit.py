"""`EarlyStopping` in a real `fit`: averaged weights, validation, copies, a killed training."""

import copy
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from occam.callbacks import BackupAndRestore, EarlyStopping, LossLedger

X, Y = np.ones((4, 2), "float32"), np.full((4, 1), 10, "float32")
MOMENTUM = 0.5


class Scripted(keras.callbacks.Callback):
    """Log a curve, and record the weights at the end of each epoch; comes first."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_train_begin(self, logs=None):
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        logs["score_loss"] = self.values[epoch]
        self.weights.append([w.copy() for w in self.model.get_weights()])


def build(optimizer="sgd"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def fit(model, values, callbacks, **kwargs):
    """Train one step an epoch; return the weights at the end of each epoch."""
    script = Scripted(values)
    model.fit(
        X,
        Y,
        epochs=len(values),
        verbose=0,
        validation_data=(X, Y),
        **kwargs,
        callbacks=[script, *callbacks],
    )
    return script.weights


def same(model, weights):
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def averages(weights):
    """Return the moving averages of the weights, beginning with the first weights."""
    result = [weights[0]]
    for each in weights[1:]:
        pairs = zip(result[-1], each, strict=True)
        result.append([MOMENTUM * average + (1 - MOMENTUM) * w for average, w in pairs])
    return result


STOPPED, ENDED = [3.0, 2.0, 1.0, 2.0, 2.0, 2.0, 2.0], [3.0, 2.0, 1.0, 2.0]
AT_THE_END = [4.0, 3.0, 2.0, 1.0]
CURVES = {"stopped": STOPPED, "ended": ENDED, "best at the end": AT_THE_END}


@pytest.mark.parametrize("values", CURVES.values(), ids=CURVES)
def test_the_best_weights_are_restored(values):
    model = build()
    stopping = EarlyStopping("score_loss", patience=2, verbose=0)
    weights = fit(model, values, [stopping])
    assert stopping.best_epoch == np.argmin(values)
    assert len(weights) == min(len(values), stopping.best_epoch + 3)
    same(model, weights[stopping.best_epoch])


@pytest.mark.parametrize(
    ("swap", "values"),
    [
        *(("none", values) for values in CURVES.values()),
        ("before", STOPPED),
        *(("before, in epochs", values) for values in CURVES.values()),
        ("after", ENDED),
        ("after, in epochs", STOPPED),
    ],
)
def test_the_averages_of_the_best_epoch_are_restored(swap, values):
    model = build(keras.optimizers.SGD(0.01, use_ema=True, ema_momentum=MOMENTUM))
    stopping = EarlyStopping("score_loss", patience=2, verbose=0)
    swapping = keras.callbacks.SwapEMAWeights(swap_on_epoch="epochs" in swap)
    order = {"none": [stopping], "befo": [swapping, stopping], "afte": [stopping, swapping]}
    weights = fit(model, values, order[swap[:4]])
    expected = averages(weights)[stopping.best_epoch]
    assert not np.allclose(expected[0], weights[stopping.best_epoch][0], rtol=1e-3)
    same(model, expected)
    same(model, stopping.best_weights)


def test_without_restoring_the_model_has_the_averages_of_the_optimizer():
    model = build(keras.optimizers.SGD(0.01, use_ema=True, ema_momentum=MOMENTUM))
    weights = fit(model, ENDED, [EarlyStopping("score_loss", 9, restore_best_weights=False)])
    same(model, averages(weights)[-1])


def test_averages_of_several_optimizers():
    several = keras.optimizers.MultiOptimizer(
        lambda variable: averaging if "kernel" in variable.path else plain
    )
    averaging = keras.optimizers.SGD(0.01, use_ema=True, ema_momentum=MOMENTUM)
    plain = keras.optimizers.SGD(0.01)
    model = build(several)
    weights = fit(model, STOPPED, [EarlyStopping("score_loss", patience=2, verbose=0)])
    same(model, [averages(weights)[2][0], weights[2][1]])


def test_a_stop_by_another_callback_leaves_the_best_weights_too():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 3

    model = build()
    stopping = EarlyStopping("score_loss", patience=9, verbose=0)
    weights = fit(model, STOPPED, [Stop(), stopping])
    assert (len(weights), stopping.stop_reason, stopping.wasted_epochs) == (4, None, 1)
    same(model, weights[2])


def test_nan_in_the_weights_stops_a_fit():
    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.set_weights([w * np.nan for w in self.model.get_weights()])

    model = build()
    stopping = EarlyStopping(patience=9, verbose=0)
    weights = fit(model, [0.0] * 9, [Poison(), stopping])
    assert len(weights) == 5
    assert stopping.stop_reason == "val_loss or a weight was NaN or infinite for 3 epochs"
    same(model, weights[1])


def test_validation_in_every_other_epoch():
    model = build(keras.optimizers.SGD(0.0))
    stopping = EarlyStopping("val_loss", patience=2, start_from_epoch=1, verbose=0)
    weights = fit(model, [0.0] * 20, [stopping], validation_freq=2)
    assert (len(weights), stopping.best_epoch) == (6, 1)


def test_the_directions_of_metrics_are_found():
    model = build()
    model.compile("sgd", "mse", metrics=["mae", keras.metrics.R2Score(name="r2")])
    stopping = EarlyStopping(["val_r2", "val_mae"], patience=9, verbose=0)
    y = np.arange(4.0)[:, None]
    model.fit(X, y, validation_data=(X, y), epochs=1, verbose=0, callbacks=[stopping])
    assert stopping.monitor_op is keras.ops.greater
    assert [curve.mode for curve in stopping._curves] == ["max", "min"]


def test_after_the_ledger_the_default_monitor_is_the_data_loss():
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))]
    )
    model.compile("sgd", "mse", jit_compile=False)
    stopping = EarlyStopping(patience=9)
    history = model.fit(
        X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[LossLedger(), stopping]
    ).history
    assert stopping.monitor == "val_data_loss"
    assert stopping.best_value == min(history["val_data_loss"]) < min(history["val_loss"])


def test_a_copy_works_before_and_after_a_fit():
    original = EarlyStopping("score_loss", patience=2, verbose=0, smooth="median:1")
    first = copy.deepcopy(original)
    weights = fit(build(), STOPPED, [first])
    second = copy.deepcopy(first)
    assert second.best_epoch == 2
    for callback in (second, original, first):  # `first` a second time
        model = build()
        again = fit(model, STOPPED, [callback])
        assert (callback.best_epoch, callback.stopped_epoch) == (2, 4)
        same(model, again[2])
        assert len(again) == len(weights)


def test_a_fit_that_begins_later_has_the_numbers_of_its_epochs():
    stopping = EarlyStopping("score_loss", patience=9, verbose=0)
    fit(build(), [0, 0, 3, 1, 2], [stopping], initial_epoch=2)
    assert (stopping.best_epoch, stopping.wasted_epochs) == (3, 1)
    fit(build(), [0, 0, np.nan, np.nan], [stopping], initial_epoch=2)
    assert (stopping.best_value, stopping.wasted_epochs) == (None, 2)


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
    """Overfit noise until it stops; return the callback, the losses and the weights."""
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
    # Before and after the best epoch; once is enough for averages.
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
