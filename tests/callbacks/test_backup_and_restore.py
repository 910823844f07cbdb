import keras
import numpy as np
import pytest

from occam.callbacks import BackupAndRestore, EarlyStopping, Stopwatch

from .conftest import Crash

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = np.arange(32) % 3


def build(units=8):
    """A model with everything that has a state: Adam, BatchNorm, a random generator."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=1),
            keras.layers.Dense(3),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def kept(directory, **options):
    """A callback that keeps its file after training."""
    return BackupAndRestore(directory, delete_checkpoint=False, **options)


def fit(model, epochs, callbacks, **options):
    """Train without shuffling, so that a resumed training sees the same batches."""
    options = {"shuffle": False, "verbose": 0, **options}
    return model.fit(X, Y, epochs=epochs, callbacks=callbacks, **options)


def test_a_resumed_fit_is_the_whole_fit(tmp_path):
    whole = build()
    expected = fit(whole, 6, []).history

    with pytest.raises(RuntimeError, match="crash"):
        fit(build(), 6, [Crash(3), kept(tmp_path)])
    backup = kept(tmp_path)
    assert (backup.epoch, backup.stopped) == (3, False)
    resumed = build()
    resumed.layers[0].kernel.assign(np.zeros((4, 8)))  # must not matter
    history = fit(resumed, 6, [backup])
    assert history.history == expected
    assert history.epoch == list(range(6))
    for ours, theirs in zip(resumed.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_states_of_callbacks_are_kept(tmp_path):
    def callbacks():
        stopping = EarlyStopping(monitor="loss", patience=50)
        ours = [stopping, Stopwatch(), keras.callbacks.LambdaCallback()]
        return [*ours, kept(tmp_path, callbacks=ours)]

    first = callbacks()
    fit(build(), 3, first)
    again = callbacks()
    fit(build(), 3, again)  # nothing is left to do
    assert again[0].best == first[0].best
    assert again[0].best_epoch == first[0].best_epoch
    assert again[1].seconds == first[1].seconds > 0
    for ours, theirs in zip(again[0].best_weights, first[0].best_weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_first_weight_that_is_a_scalar(tmp_path):
    class Scaled(keras.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(), initializer="ones")

        def call(self, inputs):
            return inputs * self.scale

    def scaled():
        model = keras.Sequential([keras.Input((4,)), Scaled(), keras.layers.Dense(3)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    first, again = (EarlyStopping(monitor="loss", patience=9) for _ in range(2))
    fit(scaled(), 1, [first, kept(tmp_path, callbacks=[first])])
    fit(scaled(), 1, [again, kept(tmp_path, callbacks=[again])])
    for ours, theirs in zip(again.best_weights, first.best_weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_stopped_training_is_known_as_stopped(tmp_path):
    backup = kept(tmp_path)
    stop = EarlyStopping(monitor="loss", patience=1, min_delta=100.0)
    fit(build(), 9, [stop, backup])
    assert (backup.epoch, backup.stopped) == (2, True)


def test_no_state_yet(tmp_path):
    backup = kept(tmp_path)
    assert (backup.epoch, backup.stopped, backup.history) == (0, False, {})


def test_the_state_of_another_model_is_refused(tmp_path):
    fit(build(), 1, [kept(tmp_path)])
    message = r"has the shape of the variable kernel \[4, 8\] instead of \[4, 9\]. Use another"
    with pytest.raises(ValueError, match=message):
        fit(build(units=9), 2, [kept(tmp_path)])


def test_only_the_state_is_left_behind(tmp_path):
    fit(build(), 2, [kept(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_the_state_of_random_generators_is_kept(tmp_path):
    backup = kept(tmp_path)
    model = build()
    fit(model, 1, [backup])
    generator = model.layers[2].seed_generator
    state = np.asarray(generator.state).copy()
    other = build()
    fit(other, 1, [kept(tmp_path)])
    np.testing.assert_array_equal(other.layers[2].seed_generator.state, state)


def test_a_fit_after_a_resumed_one_trains_all_its_epochs(tmp_path):
    fit(build(), 3, [kept(tmp_path)])
    model = build()
    fit(model, 4, [kept(tmp_path)])
    assert fit(model, 2, []).epoch == [0, 1]


def test_a_model_that_is_built_by_fit(tmp_path):
    def unbuilt():
        model = keras.Sequential([keras.layers.Dense(3)])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    fit(unbuilt(), 1, [kept(tmp_path)])
    assert kept(tmp_path).epoch == 1


def test_bfloat16_is_kept_exactly(tmp_path):
    def half():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, dtype="bfloat16")])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    model, again = half(), half()
    first, second = (EarlyStopping(monitor="loss", patience=9) for _ in range(2))
    fit(model, 1, [first, kept(tmp_path, callbacks=[first])])
    fit(again, 1, [second, kept(tmp_path, callbacks=[second])])
    pairs = (model.get_weights(), again.get_weights()), (first.best_weights, second.best_weights)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(*(np.asarray(w[0], "float32") for w in (ours, theirs)))


def test_a_file_of_another_kind_is_an_error(tmp_path):
    (tmp_path / "state.npz").write_text("hello")
    with pytest.raises(ValueError, match=r"state.npz': the file is missing or damaged"):
        kept(tmp_path).epoch  # noqa: B018


def test_the_state_of_other_callbacks_is_refused(tmp_path):
    fit(build(), 1, [kept(tmp_path, callbacks=[Stopwatch()])])
    message = r"the callbacks \['Stopwatch'\] instead of \['EarlyStopping'\]"
    with pytest.raises(ValueError, match=message):
        fit(build(), 2, [kept(tmp_path, callbacks=[EarlyStopping(monitor="loss")])])


def test_by_default_the_state_of_all_callbacks_of_the_fit_is_kept(tmp_path):
    stopping = EarlyStopping(monitor="loss", patience=9, verbose=0)
    with pytest.raises(RuntimeError, match="crash"):
        fit(build(), 6, [stopping, Crash(3), kept(tmp_path)])
    stopping, seen = EarlyStopping(monitor="loss", patience=9, verbose=0), []
    note = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append((epoch, stopping.best_epoch))
    )
    fit(build(), 6, [stopping, kept(tmp_path), note])
    assert seen[0][0] == 3
    assert seen[0][1] is not None


def test_a_message_if_no_epoch_is_left(tmp_path, capsys):
    backup = kept(tmp_path)
    fit(build(), 2, [backup])
    model = build()
    model.fit(X, Y, epochs=2, verbose=2, callbacks=[backup])
    assert "no epoch is left to train" in capsys.readouterr().out


def test_a_failed_write_is_an_error(tmp_path):
    directory = tmp_path / "runs"
    backup = kept(directory)
    directory.write_text("in the way")
    with pytest.raises((FileExistsError, NotADirectoryError), match="runs"):
        fit(build(), 2, [backup])
    directory.unlink()
    fit(build(), 1, [backup])
    assert backup.epoch == 1


def test_a_fit_that_raised_leaves_no_write_behind(tmp_path):
    with pytest.raises(RuntimeError, match="crash"):
        fit(build(), 3, [kept(tmp_path), Crash(2)])
    (tmp_path / "state.npz").unlink()
    assert kept(tmp_path).epoch == 0
    assert [*tmp_path.iterdir()] == []


def test_a_finished_training_deletes_what_it_wrote_and_nothing_else(tmp_path):
    others = tmp_path / "notes.txt"
    others.write_text("mine")
    for directory in (tmp_path, tmp_path / "new"):
        with pytest.raises(RuntimeError, match="crash"):
            fit(build(), 3, [Crash(1), BackupAndRestore(directory, double_checkpoint=True)])
        assert (directory / "state.npz").exists()
        fit(build(), 3, [BackupAndRestore(directory, double_checkpoint=True)])
        assert [*tmp_path.iterdir()] == [others]
    assert others.read_text() == "mine"


def test_a_training_that_ends_on_nan_leaves_the_epoch_before(tmp_path):
    class Diverge(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.layers[0].kernel.assign(np.full((4, 8), np.nan))

    backup = BackupAndRestore(tmp_path)
    history = fit(build(), 6, [Diverge(), keras.callbacks.TerminateOnNaN(), backup])
    assert len(history.epoch) == 3
    assert (backup.epoch, backup.stopped) == (2, False)
    model = build()
    assert fit(model, 6, [backup]).epoch == list(range(6))
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_the_state_before_is_taken_if_the_last_one_is_damaged(tmp_path):
    whole = build()
    expected = fit(whole, 5, []).history
    with pytest.raises(RuntimeError, match="crash"):
        fit(build(), 5, [Crash(3), kept(tmp_path, double_checkpoint=True)])
    (tmp_path / "state.npz").write_bytes((tmp_path / "state.npz").read_bytes()[:1000])
    backup = kept(tmp_path, double_checkpoint=True)
    assert backup.epoch == 2
    assert fit(build(), 5, [backup]).history == expected


class CrashAtBatch(keras.callbacks.Callback):
    def __init__(self, epoch, batch):
        super().__init__()
        self.at = (epoch, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == self.at:
            raise RuntimeError("crash")


def test_batches_within_an_epoch_are_saved(tmp_path):
    model = build()
    after = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: after.append(model.get_weights())
    )
    options = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0}
    # 4 batches an epoch: saves after batches 3, 6, ... of all.
    callbacks = [note, kept(tmp_path, save_freq=3), CrashAtBatch(1, 3)]
    with pytest.raises(RuntimeError, match="crash"):
        model.fit(X, Y, **options, callbacks=callbacks)
    assert len(after) == 8
    resumed, begun = build(), []
    look = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begun.append((epoch, resumed.get_weights()))
    )
    backup = kept(tmp_path, save_freq=3)
    assert backup.epoch == 1
    assert resumed.fit(X, Y, **options, callbacks=[look, backup]).epoch == [0, 1, 2]
    assert [epoch for epoch, _ in begun] == [1, 2]
    for ours, theirs in zip(begun[0][1], after[5], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_save_freq_false_saves_nothing(tmp_path):
    fit(build(), 1, [BackupAndRestore(tmp_path / "new", save_freq=False)])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("save_freq", [True, 0, -1, 1.5, "batch", None])
def test_an_invalid_save_freq(save_freq):
    message = f"`save_freq` must be 'epoch', a positive .* Received: save_freq={save_freq!r}"
    with pytest.raises(ValueError, match=message):
        BackupAndRestore("backup", save_freq)


@pytest.mark.parametrize("directory", ["gs://bucket/backup", __file__])
def test_backup_dir_must_be_a_local_directory(directory):
    with pytest.raises(ValueError, match=r"must be a local directory\. Received: backup_dir="):
        BackupAndRestore(directory)


@pytest.mark.parametrize("units", [1, 3])
def test_logged_values_that_are_arrays(units, tmp_path):
    labels = np.eye(3, dtype="float32")[Y][:, :units]

    def run(*callbacks):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, "sigmoid")])
        model.compile("adam", "mse", metrics=[keras.metrics.F1Score(threshold=0.5)])
        stopping = EarlyStopping("f1_score", mode="max", patience=9, verbose=0)
        callbacks = [*callbacks, *([stopping] if units == 1 else [])]
        options = {"epochs": 4, "shuffle": False, "verbose": 0}
        return model.fit(X, labels, **options, callbacks=callbacks).history

    whole = run()
    with pytest.raises(RuntimeError, match="crash"):
        run(Crash(2), kept(tmp_path))
    resumed = run(kept(tmp_path))
    assert np.shape(whole["f1_score"]) == (4, units)
    for name, values in whole.items():
        np.testing.assert_array_equal(resumed[name], values)
    saved = kept(tmp_path).history["f1_score"]
    assert [np.shape(value) for value in saved] == [(3,) if units == 3 else ()] * 4


def test_a_fit_that_begins_later_has_the_numbers_of_its_epochs(tmp_path):
    assert fit(build(), 4, [kept(tmp_path)], initial_epoch=2).epoch == [2, 3]
    assert fit(build(), 6, [kept(tmp_path)], initial_epoch=2).epoch == [2, 3, 4, 5]
    assert fit(build(), 6, [kept(tmp_path)]).epoch == [2, 3, 4, 5]  # none is left
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append([*model.history.epoch])
    )
    model = build()
    fit(model, 8, [look, kept(tmp_path)])
    assert seen == [[2, 3, 4, 5], [2, 3, 4, 5, 6]]


def test_a_resumed_fit_that_raises_leaves_no_first_epoch_behind(tmp_path):
    fit(build(), 3, [kept(tmp_path)])
    model = build()
    with pytest.raises(RuntimeError, match="crash"):
        fit(model, 6, [kept(tmp_path), Crash(4)])
    assert fit(model, 2, []).epoch == [0, 1]
