"""Out-of-fold figures are those of models that did not see the rows, and choose the epochs."""

import re

import keras
import numpy as np
import pytest

from occam import zoo
from occam.core.statistics import mean_and_error
from occam.zoo.training.cross_validation import choose_epoch

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(48, 4)).astype("float32")
Y = (X[:, 0] + RANDOM.normal(size=48) > 0).astype(int)
SHORT = {"steps": 60, "verbose": 0}


def load(validation="cv:3x2", y=Y, test=False, **options):
    return zoo.load_data((X, y), validation=validation, test=test, batch_size=16, **options)


def build(data, seed=0):
    return zoo.create_model("mlp", data=data, regularization="none", seed=seed, units=(4,))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A cross-validation in a directory, and its model, which was trained by nothing else."""
    data = load()
    model = build(data)
    before = model.get_weights()
    directory = tmp_path_factory.mktemp("cv") / "here"
    found = zoo.cross_validate(model, data, log_dir=directory, **SHORT)
    return found, model, before, directory


def test_each_fold_is_an_ordinary_training_from_the_same_weights(finished):
    found, *_ = finished
    fold = load().folds()[4]
    # The same number of steps in an epoch as on all rows: 10 passes of 3 batches.
    model = build(fold)
    run = zoo.train(model, fold, steps=60, patience=None, train_eval=0, refit=False, verbose=0)
    assert run.history["val_data_loss"] == pytest.approx(found.histories[4]["val_data_loss"])


def test_the_losses_are_those_of_rows_that_the_model_was_not_trained_on(finished):
    found, *_ = finished
    assert found.losses.shape == (2, 48)
    masks = load().fold_masks()
    by_fold = [history["val_data_loss"] for history in found.histories]
    for epoch in range(2):
        expected = [by_fold[i][epoch] * mask.sum() for i, mask in enumerate(masks)]
        assert found.losses[epoch].sum() == pytest.approx(sum(expected) / 2, rel=1e-5)
    losses = found.losses[found.best_epoch - 1]
    assert found.data_loss == pytest.approx(losses.mean())
    assert found.data_loss_error == pytest.approx(losses.std(ddof=1) / np.sqrt(48))
    assert found.scores["log_loss"][0] == pytest.approx(found.data_loss, rel=1e-4)


def test_the_model_has_its_initial_weights_again(finished):
    _, model, before, _ = finished
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_jackknife_of_a_mean_is_its_standard_error(finished):
    found, *_ = finished
    assert found.scores["log_loss"][1] == pytest.approx(found.data_loss_error, rel=1e-3)


def test_finished_folds_are_runs_and_are_not_repeated(finished, monkeypatch):
    found, model, _, directory = finished
    fold = zoo.Run.load(directory / "folds" / "0")
    assert fold.history["val_data_loss"] == pytest.approx(found.histories[0]["val_data_loss"])
    monkeypatch.setattr("occam.zoo.training.engine.fit", None)  # trains nothing
    again = zoo.cross_validate(model, load(), log_dir=directory, **SHORT)
    np.testing.assert_allclose(again.losses, found.losses)
    with pytest.raises(ValueError, match=r"other arguments \(training folds '3x2', now '3x1'\)"):
        zoo.cross_validate(model, load(), "3", log_dir=directory, **SHORT)


def test_paired_differences_cancel_what_makes_a_row_hard(finished):
    found, *_ = finished
    assert found.difference(found) == (0.0, 0.0)
    other = zoo.cross_validate(build(load(), seed=1), load(), **SHORT)
    mean, error = other.difference(found)
    assert mean == pytest.approx(other.data_loss - found.data_loss)
    apart = other.sample_losses - found.sample_losses
    assert error == pytest.approx(apart.std(ddof=1) / np.sqrt(48))


def test_an_earlier_epoch_is_chosen_only_beyond_noise():
    weights = np.ones(100)
    noise = RANDOM.normal(size=100)
    flat = np.array([noise, np.zeros(100)])
    flat[0] -= flat[0].mean() + 0.05  # better by 0.05, with an error of 0.1
    assert choose_epoch(flat, weights) == 2
    flat[0] -= 0.2
    assert choose_epoch(flat, weights) == 1


def test_the_error_of_a_weighted_mean_ignores_rows_of_no_weight():
    values = np.array([1.0, 2.0, 4.0])
    mean, error = mean_and_error(values, np.array([2.0, 2.0, 2.0]))
    assert (mean, error) == pytest.approx((7 / 3, values.std(ddof=1) / np.sqrt(3)))
    mean, error = mean_and_error(values, np.array([1.0, 1.0, 0.0]))
    assert mean == 1.5
    assert error == pytest.approx(np.sqrt(3 / 2 * 2 * 0.25 / 4))


def test_train_by_folds_refits_on_all_rows(tmp_path, capsys):
    data = load(test=None)
    model = build(data)
    arguments = {"steps": 60, "seed": 0, "log_dir": tmp_path / "run"}
    run = zoo.train(model, data, **arguments)
    found = zoo.cross_validate(build(data), data, **SHORT)
    validation = run.result["validation"]
    assert validation["data_loss"] == pytest.approx(found.data_loss)
    assert validation["data_loss_error"] == pytest.approx(found.data_loss_error)
    assert validation["accuracy"] == pytest.approx(found.scores["accuracy"][0])
    assert run.result["validation_by"] == run.config["training"]["validation_by"] == "cv:3x2"
    assert run.result["refit"]
    assert "Refitting to all 38 rows for 2 epochs." in capsys.readouterr().err
    assert re.search(r"validation 0.\d+ ± 0.\d+, .* by cv:3x2; refit on all rows", str(run))

    x, y = map(np.concatenate, zip(*data.test.as_numpy_iterator(), strict=True))
    logits = run.load_model().predict(x, verbose=0)
    assert run.result["test"]["accuracy"] == np.mean(logits.argmax(1) == y)
    loaded = zoo.Run.load(run.directory)
    assert loaded.history["val_data_loss"] == pytest.approx(
        np.mean([fold["val_data_loss"] for fold in found.histories], axis=0)
    )
    assert not list(run.directory.rglob("state.npz"))


# Keras' CSVLogger leaves its file open after an exception.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_cross_validation_that_is_killed_at_any_moment_resumes_exactly(tmp_path):
    data = load("cv:2")

    def train(directory, crash=None):
        model = build(data)
        callbacks = [_CountingCrash(crash)]
        arguments = {"steps": 90, "log_dir": directory, "callbacks": callbacks, "verbose": 0}
        return zoo.train(model, data, **arguments), model

    whole, model = train(None)
    for epochs in (5, 4):  # in the second fold, in the refit
        with pytest.raises(RuntimeError, match="crash"):
            train(tmp_path / "broken", epochs)
    resumed, again = train(tmp_path / "broken")
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert resumed.result["validation"] == pytest.approx(whole.result["validation"])


class _CountingCrash(keras.callbacks.Callback):
    """Raises after an epoch, counted over all fits."""

    def __init__(self, epoch):
        super().__init__()
        self._left = epoch

    def on_epoch_end(self, epoch, logs=None):
        if self._left is not None:
            self._left -= 1
            if not self._left:
                raise RuntimeError("crash")

    def get_state(self):
        return {}

    def set_state(self, state):
        pass


def test_a_compiled_model_is_cross_validated_with_its_own_optimizer():
    data = load()
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(inputs))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy")
    found = zoo.cross_validate(model, data, "2", epochs=2, verbose=0)
    by_fold = [history["val_data_loss"][-1] for history in found.histories]
    assert found.losses[-1].mean() == pytest.approx(np.mean(by_fold), rel=1e-5)
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"patience": 3}, "`patience` must be 'auto' or None for data without a validation part"),
        ({"refit": False}, "`refit` must be True or 'auto' for data with folds"),
        ({"refit": "yes"}, "`refit` must be True, False or 'auto'"),
    ],
)
def test_arguments_that_mean_nothing_with_folds_are_errors(arguments, text):
    data = load()
    with pytest.raises((TypeError, ValueError), match=re.escape(text)):
        zoo.train(build(data), data, **SHORT, **arguments)


def test_folds_are_told_once_and_the_loss_is_known_by_sample():
    data = zoo.load_data((X, Y), test=False)
    with pytest.raises(ValueError, match=r"`folds` must be given, such as .5x2., unless"):
        zoo.cross_validate(build(data), data, **SHORT)
    model = build(data)
    model.compile("sgd", lambda y, outputs: keras.ops.mean(outputs, axis=-1))
    with pytest.raises(ValueError, match="Cross-validation needs the loss of each sample"):
        zoo.cross_validate(model, data, "2", epochs=1, verbose=0)
