import keras
import numpy as np
import pytest

from occam.callbacks import BackupAndRestore, EarlyStopping, Stopwatch

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


def fit(model, epochs, callbacks):
    """Trains in one order, so that a resumed training sees what the whole one saw."""
    return model.fit(X, Y, epochs=epochs, shuffle=False, callbacks=callbacks, verbose=0)


class Crash(keras.callbacks.Callback):
    """Raises at the beginning of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise RuntimeError("crash")


def test_a_resumed_fit_is_the_whole_fit(tmp_path):
    whole = build()
    expected = fit(whole, 6, []).history

    path = tmp_path / "state.npz"
    with pytest.raises(RuntimeError, match="crash"):
        fit(build(), 6, [Crash(3), BackupAndRestore(path)])
    backup = BackupAndRestore(path)
    assert (backup.epoch, backup.stopped) == (3, False)
    resumed = build()
    resumed.layers[0].kernel.assign(np.zeros((4, 8)))  # must not matter
    history = fit(resumed, 6, [backup])
    assert history.history == expected
    assert history.epoch == list(range(6))
    for ours, theirs in zip(resumed.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_states_of_callbacks_are_kept(tmp_path):
    path = tmp_path / "state.npz"

    def callbacks():
        stopping = EarlyStopping(monitor="loss", patience=50)
        ours = [stopping, Stopwatch(), keras.callbacks.LambdaCallback()]
        return [*ours, BackupAndRestore(path, callbacks=ours)]

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
    path = tmp_path / "state.npz"

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
    fit(scaled(), 1, [first, BackupAndRestore(path, callbacks=[first])])
    fit(scaled(), 1, [again, BackupAndRestore(path, callbacks=[again])])
    for ours, theirs in zip(again.best_weights, first.best_weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_stopped_training_is_known_as_stopped(tmp_path):
    backup = BackupAndRestore(tmp_path / "state.npz")
    stop = EarlyStopping(monitor="loss", patience=1, min_delta=100.0)
    fit(build(), 9, [stop, backup])
    assert (backup.epoch, backup.stopped) == (2, True)


def test_no_state_yet(tmp_path):
    backup = BackupAndRestore(tmp_path / "state.npz")
    assert (backup.epoch, backup.stopped, backup.history) == (0, False, {})


def test_the_state_of_another_model_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    fit(build(), 1, [BackupAndRestore(path)])
    message = (
        r"another model: expected a variable kernel of shape \(4, 9\). Received: kernel of \(4, 8\)"
    )
    with pytest.raises(ValueError, match=message):
        fit(build(units=9), 2, [BackupAndRestore(path)])


def test_only_the_state_is_left_behind(tmp_path):
    fit(build(), 2, [BackupAndRestore(tmp_path / "state.npz")])
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_works_on_any_model_with_custom_variables(tmp_path):
    backup = BackupAndRestore(tmp_path / "state.npz")
    model = build()
    fit(model, 1, [backup])
    generator = model.layers[2].seed_generator
    state = np.asarray(generator.state).copy()
    other = build()
    fit(other, 1, [BackupAndRestore(tmp_path / "state.npz")])
    np.testing.assert_array_equal(other.layers[2].seed_generator.state, state)


def test_a_fit_after_a_resumed_one_trains_all_its_epochs(tmp_path):
    path = tmp_path / "state.npz"
    fit(build(), 3, [BackupAndRestore(path)])
    model = build()
    fit(model, 4, [BackupAndRestore(path)])
    assert fit(model, 2, []).epoch == [0, 1]


def test_a_model_that_is_built_by_fit(tmp_path):
    path = tmp_path / "state.npz"

    def unbuilt():
        model = keras.Sequential([keras.layers.Dense(3)])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    fit(unbuilt(), 1, [BackupAndRestore(path)])
    assert BackupAndRestore(path).epoch == 1


def test_bfloat16_is_kept_exactly(tmp_path):
    path = tmp_path / "state.npz"

    def half():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, dtype="bfloat16")])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    model, again = half(), half()
    first, second = (EarlyStopping(monitor="loss", patience=9) for _ in range(2))
    fit(model, 1, [first, BackupAndRestore(path, callbacks=[first])])
    fit(again, 1, [second, BackupAndRestore(path, callbacks=[second])])
    pairs = (model.get_weights(), again.get_weights()), (first.best_weights, second.best_weights)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(*(np.asarray(w[0], "float32") for w in (ours, theirs)))


def test_a_file_that_is_no_state(tmp_path):
    (tmp_path / "state.npz").write_text("hello")
    with pytest.raises(ValueError, match=r"state.npz is not a state that BackupAndRestore wrote"):
        BackupAndRestore(tmp_path / "state.npz").epoch  # noqa: B018


def test_the_state_of_other_callbacks_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    fit(build(), 1, [BackupAndRestore(path, callbacks=[Stopwatch()])])
    with pytest.raises(
        ValueError, match=r"expected \['EarlyStopping'\]. Received: \['Stopwatch'\]"
    ):
        fit(build(), 2, [BackupAndRestore(path, callbacks=[EarlyStopping(monitor="loss")])])


def test_by_default_the_state_of_all_callbacks_of_the_fit_is_kept(tmp_path):
    path = tmp_path / "state.npz"
    stopping = EarlyStopping(monitor="loss", patience=9, verbose=0)
    with pytest.raises(RuntimeError, match="crash"):
        fit(build(), 6, [stopping, Crash(3), BackupAndRestore(path)])
    stopping, seen = EarlyStopping(monitor="loss", patience=9, verbose=0), []
    note = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append((epoch, stopping.best_epoch))
    )
    fit(build(), 6, [stopping, BackupAndRestore(path), note])
    assert seen[0][0] == 3
    assert seen[0][1] is not None


def test_that_nothing_is_left_to_train_is_said(tmp_path, capsys):
    backup = BackupAndRestore(tmp_path / "state.npz")
    fit(build(), 2, [backup])
    model = build()
    model.fit(X, Y, epochs=2, verbose=2, callbacks=[backup])
    assert "state.npz has all epochs, 2: none is left" in capsys.readouterr().out


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"named \*\.npz\. Received: .*, a directory"):
        BackupAndRestore(tmp_path)


def test_what_could_not_be_written_is_said(tmp_path):
    directory = tmp_path / "runs"
    backup = BackupAndRestore(directory / "state.npz")
    directory.write_text("in the way")
    with pytest.raises(FileExistsError, match="runs"):
        fit(build(), 2, [backup])
    directory.unlink()
    fit(build(), 1, [backup])
    assert backup.epoch == 1


def test_an_epoch_is_in_the_file_once_it_is_waited_for(tmp_path):
    path = tmp_path / "state.npz"
    backup, seen = BackupAndRestore(path), []

    def look(epoch, logs):
        backup.wait()
        assert path.exists()
        seen.append(BackupAndRestore(path).epoch)

    fit(build(), 3, [backup, keras.callbacks.LambdaCallback(on_epoch_end=look)])
    assert seen == [1, 2, 3]
