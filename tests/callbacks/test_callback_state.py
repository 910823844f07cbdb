"""Callbacks of Keras and of others in a training that is killed and resumed."""

import inspect
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

import occam.callbacks
from occam.callbacks import BackupAndRestore
from occam.callbacks.callback_state import Changes, get_state, has_state

EPOCHS, CRASH = 6, 3

# For each public class of `keras.callbacks`: an instance to train with, and its saved attributes
# ("none" without a state). A text in place of a function: the reason why there is no instance.
KERAS = {
    "BackupAndRestore": ("it resumes a training by itself", "none"),
    "CSVLogger": (lambda path: keras.callbacks.CSVLogger(path / "log.csv"), "keys, text"),
    "Callback": (lambda path: keras.callbacks.Callback(), "none"),
    "CallbackList": ("it holds the callbacks", "none"),
    "EarlyStopping": (
        lambda path: keras.callbacks.EarlyStopping(
            "loss", min_delta=9.0, patience=5, restore_best_weights=True
        ),
        "best, best_epoch, best_weights, stopped_epoch, wait",
    ),
    "History": (lambda path: keras.callbacks.History(), "none"),  # kept with the epochs
    "LambdaCallback": (
        lambda path: keras.callbacks.LambdaCallback(lambda epoch, logs: None),
        "none",
    ),
    "LearningRateScheduler": (
        lambda path: keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        "none",  # the learning rate is a variable of the optimizer
    ),
    "ModelCheckpoint": (
        lambda path: keras.callbacks.ModelCheckpoint(
            path / "best.weights.h5", "loss", save_best_only=True, save_weights_only=True
        ),
        "_batches_seen_since_last_saving, _last_batch_seen, best",
    ),
    "OrbaxCheckpoint": (
        "it needs the package orbax",
        "_batches_seen_since_last_saving, _last_batch_seen, _total_batches_seen, best",
    ),
    "ProgbarLogger": (lambda path: keras.callbacks.ProgbarLogger(), "none"),
    "ReduceLROnPlateau": (
        lambda path: keras.callbacks.ReduceLROnPlateau(
            "loss", patience=2, min_delta=9.0, cooldown=1
        ),
        "best, cooldown_counter, wait",
    ),
    "RemoteMonitor": ("it needs a server", "none"),
    "SwapEMAWeights": (
        lambda path: keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        "_ema_weights_in_model",
    ),
    "TensorBoard": (
        lambda path: keras.callbacks.TensorBoard(path / "board", update_freq=1),
        "_global_test_batch, _global_train_batch",
    ),
    "TerminateOnNaN": (lambda path: keras.callbacks.TerminateOnNaN(), "none"),
}


class Crash(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == CRASH:  # after the others have seen it, and before it is saved
            raise RuntimeError("crash")


def train(*callbacks, verbose=0):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5), "mse")
    x = np.random.default_rng(0).normal(size=(32, 4))
    options = {"epochs": EPOCHS, "shuffle": False, "verbose": verbose}
    model.fit(x, x.sum(1), **options, validation_data=(x, x.sum(1)), callbacks=[*callbacks])
    return model


def equal(ours, theirs):
    assert keras.tree.map_structure(np.shape, ours) == keras.tree.map_structure(np.shape, theirs)
    for pair in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        np.testing.assert_array_equal(*pair)


def test_the_state_of_each_callback_of_keras_is_known():
    """Fails for a class of a new version: check which attributes it needs."""
    classes = dict(inspect.getmembers(keras.callbacks, inspect.isclass))
    assert sorted(classes) == sorted(KERAS)
    for name, (_, kept) in KERAS.items():
        names = {"_batches_seen_since_last_saving", "_last_batch_seen", "_total_batches_seen"}
        bare = classes[name].__new__(classes[name])
        vars(bare).update(dict.fromkeys([*names, *kept.split(", ")], 0), filename="no file")
        state = get_state(bare) if has_state(bare) else {}
        assert ", ".join(sorted(state)) == ("" if kept == "none" else kept), name


def test_all_our_callbacks_have_a_state():
    kinds = dict(inspect.getmembers(occam.callbacks, inspect.isclass))
    ours = {n: k for n, k in kinds.items() if issubclass(k, keras.callbacks.Callback)}
    without = [n for n, k in ours.items() if not (hasattr(k, "get_state") and k.set_state)]
    assert len(ours) > 8
    assert without == ["BackupAndRestore"]


def test_the_callbacks_of_keras_resume_exactly(tmp_path):
    def make(name):
        path = tmp_path / name
        path.mkdir(exist_ok=True)
        made = {n: of(path) for n, (of, _) in KERAS.items() if callable(of)}
        history = made.pop("History")
        return {**made, "History": history}  # last, as Keras puts it

    whole, crashed = make("whole"), make("resumed")
    expected = train(*whole.values(), verbose=2)
    with pytest.raises(RuntimeError, match="crash"):
        train(*crashed.values(), Crash(), BackupAndRestore(tmp_path / "backup"), verbose=2)
    crashed["CSVLogger"].csv_file.close()
    resumed = make("resumed")
    model = train(*resumed.values(), BackupAndRestore(tmp_path / "backup"), verbose=2)
    equal(model.variables, expected.variables)
    equal(model.optimizer.variables, expected.optimizer.variables)
    for name, callback in resumed.items():
        if has_state(callback):
            equal(get_state(callback), get_state(whole[name]))
    assert resumed["History"].epoch == whole["History"].epoch
    assert resumed["History"].history == whole["History"].history
    logs = (tmp_path / name / "log.csv" for name in ("whole", "resumed"))
    assert len({log.read_text() for log in logs}) == 1


@pytest.mark.parametrize("first", [True, False])
def test_the_place_in_the_list_does_not_matter(first, tmp_path):
    whole = keras.callbacks.ReduceLROnPlateau("loss", patience=2, min_delta=9.0, cooldown=1)
    expected = train(whole)

    def callbacks(*more):
        plateau = keras.callbacks.ReduceLROnPlateau("loss", patience=2, min_delta=9.0, cooldown=1)
        pair = [plateau, BackupAndRestore(tmp_path)]
        return plateau, [*(reversed(pair) if first else pair), *more]

    with pytest.raises(RuntimeError, match="crash"):
        train(*callbacks(Crash())[1])
    plateau, again = callbacks()
    equal(train(*again).get_weights(), expected.get_weights())
    assert get_state(plateau) == get_state(whole)


class Counter(keras.callbacks.Callback):
    """A custom callback with a state and with attributes that it creates in each epoch."""

    def __init__(self, size=3):
        super().__init__()
        self.size, self.seen, self.losses = size, 0, []

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_epoch_end(self, epoch, logs=None):
        self.seen += self.size
        self.losses.append(logs["loss"])


class KeptCounter(Counter):
    def get_state(self):
        return {"seen": np.array(self.seen), "more": {"losses": self.losses}}

    def set_state(self, state):
        self.seen, self.losses = int(state["seen"]), state["more"]["losses"]


def test_a_callback_that_cannot_be_resumed_is_named_once(tmp_path):
    message = r"Counter \(losses, seen\)\. Give the callbacks the methods `get_state\(\) -> dict`"
    with pytest.warns(UserWarning, match=message) as caught:
        train(Counter(), keras.callbacks.TerminateOnNaN(), BackupAndRestore(tmp_path))
    assert len(caught) == 1
    assert "now" not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(Counter(), BackupAndRestore(tmp_path, callbacks=[]))


def test_get_state_and_set_state_of_a_custom_callback_are_used(tmp_path):
    train(whole := KeptCounter())
    with pytest.raises(RuntimeError, match="crash"):
        train(KeptCounter(), Crash(), BackupAndRestore(tmp_path))
    train(resumed := KeptCounter(), BackupAndRestore(tmp_path))
    assert (resumed.seen, resumed.losses) == (whole.seen, whole.losses)


def test_a_state_that_cannot_be_saved_is_an_error(tmp_path):
    class Odd(keras.callbacks.Callback):
        def get_state(self):
            return {"function": [print]}

        def set_state(self, state):
            pass

    with pytest.raises(TypeError, match=r"Received: <built-in .* at callbacks/0/Odd/function/0"):
        train(Odd(), BackupAndRestore(tmp_path))


def test_a_change_within_an_attribute_is_detected():
    callback = Counter()
    callback.table = {"a": [np.zeros(2)]}
    callback.variable = keras.Variable(0.0)
    changes = Changes([callback])
    assert changes.lost() == []
    callback.table["a"][0][1] = 1.0
    callback.variable.assign(2.0)
    assert changes.lost() == [(callback, ["table", "variable"])]
    assert changes.lost() == []


class Kill(keras.callbacks.Callback):
    """`kill -9` at the end of an epoch, after the checkpoint and before the backup."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == CRASH:
            os.kill(os.getpid(), signal.SIGKILL)


def diverge(path, *more):
    """Train with a checkpoint, best in the second epoch; return the losses of the epochs."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    best = keras.callbacks.ModelCheckpoint(path / "best.keras", "loss", save_best_only=True)
    worse = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 if epoch == 0 else 1.1)
    callbacks = [worse, best, *more, BackupAndRestore(path / "backup")]
    x = np.ones((8, 1))
    history = model.fit(x, x, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=callbacks)
    return history.history["loss"], best.best


def test_after_a_kill_the_best_checkpoint_stays_the_best(tmp_path):
    (whole := tmp_path / "whole").mkdir()
    (path := tmp_path / "killed").mkdir()
    losses, best = diverge(whole)
    assert losses.index(min(losses)) < CRASH < EPOCHS - 1
    killed = subprocess.run(
        [sys.executable, __file__, str(path)], capture_output=True, text=True, timeout=300
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    assert BackupAndRestore(path / "backup").epoch == CRASH
    assert diverge(path) == (losses, best)
    weights = [keras.models.load_model(p / "best.keras").get_weights() for p in (path, whole)]
    equal(*weights)


if __name__ == "__main__":
    diverge(Path(sys.argv[1]), Kill())
