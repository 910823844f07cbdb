"""A few validation rows are given back to training, and a bad end is not the last word."""

import json

import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo.training import budget, engine

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 4)).astype("float32")
Y = (X[:, 0] + RANDOM.normal(size=60) > 0).astype(int)


@pytest.fixture(scope="module")
def small():
    return zoo.load_data((X, Y), batch_size=16)


def build(data, seed=0):
    return zoo.create_model("mlp", data=data, regularization="none", seed=seed, units=(4,))


def train(data, **arguments):
    model = build(data)
    return zoo.train(model, data, **{"steps": 60, "verbose": 0} | arguments), model


def test_few_validation_rows_are_trained_on_after_they_have_judged(small, tmp_path, capsys):
    run, model = train(small, log_dir=tmp_path / "run", verbose=1)
    first, _ = train(small, refit=False)
    assert run.result["refit"]
    assert run.config["training"]["refit"]
    assert run.history["val_data_loss"] == first.history["val_data_loss"]
    assert run.result["validation"] == first.result["validation"]
    assert "Refitting to all 48 rows for 2 epochs." in capsys.readouterr().err
    assert str(run).endswith("; refit on all rows")

    # The model is that of a training on all rows, of the same steps, with the same preprocessing.
    assert int(model.optimizer.iterations) == 60
    whole = small.without_validation()
    mean = np.ravel(run.load_preprocessing().mean)
    np.testing.assert_array_equal(mean, np.ravel(small.preprocessing.mean))
    x, y = map(np.concatenate, zip(*whole.test.as_numpy_iterator(), strict=True))
    logits = run.load_model().predict(x, verbose=0)
    np.testing.assert_array_equal(logits, model.predict(x, verbose=0))
    assert run.result["test"]["accuracy"] == np.mean(logits.argmax(1) == y)
    assert run.result["train"]["data_loss"] == engine.figures(model, whole)["train"]["data_loss"]
    assert run.result["gap"]["data_loss"] == pytest.approx(
        run.result["test"]["data_loss"] - run.result["train"]["data_loss"]
    )


def test_the_error_of_the_validation_loss_is_that_of_its_rows(small):
    run, model = train(small, refit=False)
    x, y = map(np.concatenate, zip(*small.validation.as_numpy_iterator(), strict=True))
    logits = np.asarray(model(x, training=False), "float64")
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(y)), y]
    validation = run.result["validation"]
    assert validation["data_loss"] == pytest.approx(losses.mean(), rel=1e-5)
    expected = losses.std(ddof=1) / np.sqrt(len(y))
    assert validation["data_loss_error"] == pytest.approx(expected, rel=1e-5)
    assert f"data loss {losses.mean():.3f} ± {expected:.3f}" in str(run)


def test_what_is_not_refitted_unless_told(small):
    own = zoo.load_data((X, Y), validation=(X[:9], Y[:9]), batch_size=16)
    assert not train(own)[0].result["refit"]
    assert not train(small, callbacks=[keras.callbacks.Callback()])[0].result["refit"]
    model = build(small)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert not zoo.train(model, small, epochs=1, verbose=0).result["refit"]
    assert train(own, refit=True)[0].result["refit"]


class CrashAfter(keras.callbacks.Callback):
    """Raises after an epoch, counted over all fits of a training."""

    def __init__(self, epochs=None):
        super().__init__()
        self._left = epochs

    def on_epoch_end(self, epoch, logs=None):
        if self._left is not None:
            self._left -= 1
            if not self._left:
                raise RuntimeError("crash")

    def get_state(self):
        return {}

    def set_state(self, state):
        pass


def figures(run):
    return json.dumps({name: value for name, value in run.result.items() if name != "seconds"})


# Keras' CSVLogger leaves its file open after an exception.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_refit_that_is_killed_at_any_moment_resumes_exactly(small, tmp_path, monkeypatch):
    arguments = {"refit": True, "steps": 90}
    whole, model = train(small, callbacks=[CrashAfter()], **arguments)
    broken = arguments | {"log_dir": tmp_path / "broken"}
    with pytest.raises(RuntimeError, match="crash"):  # in the first fit
        train(small, callbacks=[CrashAfter(2)], **broken)
    with monkeypatch.context() as context:  # before the refit
        context.setattr(engine, "figures", None)
        with pytest.raises(TypeError):
            train(small, callbacks=[CrashAfter()], **broken)
    with pytest.raises(RuntimeError, match="crash"):  # in the refit
        train(small, callbacks=[CrashAfter(2)], **broken)
    resumed, again = train(small, callbacks=[CrashAfter()], **broken)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert figures(resumed) == figures(whole)


def test_a_diverged_training_is_begun_again_with_a_third_of_the_rate(
    small, tmp_path, capsys, monkeypatch
):
    real = engine.figures

    def not_finite_above(model, *arguments):
        found = real(model, *arguments)
        if model.optimizer._learning_rate.warmup_target > 0.02:
            found["train"]["data_loss"] = float("nan")
        return found

    monkeypatch.setattr(engine, "figures", not_finite_above)
    arguments = {"learning_rate": 0.03, "refit": False}
    run, _ = train(small, **arguments, log_dir=tmp_path / "run", verbose=1)
    assert run.result["reruns"] == [{"reason": "diverged", "learning_rate": 0.01, "epochs": 2}]
    text = "The training diverged. Again, with a learning rate of 0.01."
    assert text in capsys.readouterr().err
    assert (tmp_path / "run" / "rerun-1" / "history.csv").exists()
    slower, _ = train(small, learning_rate=0.01, refit=False)
    assert run.history == slower.history
    with pytest.raises(FloatingPointError, match=r"Try a learning rate below 0\.03"):
        train(small, **arguments, rerun=False)
    with pytest.raises(FloatingPointError, match=r"diverged: after 2 epochs .* below 0.1\."):
        train(small, refit=False, learning_rate=0.3)


def test_a_loss_that_exploded_is_a_divergence():
    data = zoo.load_data("sklearn/wine")
    model = zoo.create_model("mlp", data=data, seed=0, units=(64, 64, 64))
    arguments = {"epochs": 8, "learning_rate": 30.0, "refit": False, "verbose": 0}
    told = zoo.train(model, data, rerun=False, **arguments)
    assert told.verdict.kind == "diverged"
    assert told.verdict.rule == "exploded"
    model = zoo.create_model("mlp", data=data, seed=0, units=(64, 64, 64))
    run = zoo.train(model, data, **arguments)
    assert run.result["reruns"] == [{"reason": "diverged", "learning_rate": 10.0, "epochs": 8}]


def test_weights_that_break_after_the_best_epoch_are_a_divergence():
    data = zoo.load_data((np.tile(X, (10, 1)), np.tile(Y, 10)), batch_size=100)
    model = build(data)
    broken = []

    def breaks(epoch, logs):
        if epoch == 3 and not broken:
            broken.append(epoch)
            model.layers[-1].bias.assign([np.nan, 0.0])

    breaking = keras.callbacks.LambdaCallback(on_epoch_end=breaks)
    run = zoo.train(model, data, epochs=6, patience=2, callbacks=[breaking], verbose=0)
    assert broken
    (rerun,) = run.result["reruns"]
    assert rerun["reason"] == "diverged"
    assert rerun["learning_rate"] == pytest.approx(5e-3 / 3)
    assert np.isfinite(run.history["loss"]).all()


def test_data_without_a_validation_part_is_refused(small):
    with pytest.raises(ValueError, match=r"`data` must have a validation part.* Pass refit=True"):
        train(small.without_validation())


@pytest.fixture
def short(monkeypatch):
    """The default length is 60 steps."""
    monkeypatch.setattr(budget, "MIN_STEPS", 60)
    monkeypatch.setattr(budget, "MIN_PASSES", 1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_unfinished_training_goes_on_once_unless_its_length_was_told(small, tmp_path, short):
    slow = {"learning_rate": 3e-3, "refit": False, "steps": None}
    run, model = train(small, **slow, callbacks=[CrashAfter()])
    assert run.result["reruns"] == [{"reason": "unfinished", "learning_rate": 3e-3, "epochs": 4}]
    assert run.result["epochs"] == len(run.history["loss"]) == 4
    rate = model.optimizer._learning_rate
    assert [float(rate(step)) for step in (3, 63)] == [pytest.approx(3e-3)] * 2  # warm-up of 3
    assert float(rate(59)) < 1e-5
    told, _ = train(small, **slow | {"steps": 60})
    assert told.result["reruns"] == []
    assert {name: values[:2] for name, values in run.history.items()} == told.history
    assert train(small, **slow, rerun=False)[0].history == told.history

    # In a directory, it goes on from the saved state, and ends with the same bytes.
    with pytest.raises(RuntimeError, match="crash"):  # in the second half
        train(small, **slow, log_dir=tmp_path / "run", callbacks=[CrashAfter(4)])
    resumed, again = train(small, **slow, log_dir=tmp_path / "run", callbacks=[CrashAfter()])
    assert figures(resumed) == figures(run)
    assert resumed.history == run.history
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_unfinished_folds_go_on_together(short, tmp_path):
    data = zoo.load_data((X, Y), batch_size=16, test=False, validation="cv:2")
    slow = {"learning_rate": 3e-3, "steps": None}
    run, model = train(data, **slow, log_dir=tmp_path / "run")
    assert run.result["reruns"] == [{"reason": "unfinished", "learning_rate": 3e-3, "epochs": 4}]
    again, at_once = train(data, **slow)
    for name, values in again.history.items():
        assert run.history[name] == pytest.approx(values)
    for ours, theirs in zip(model.get_weights(), at_once.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not list((tmp_path / "run").rglob("state.npz"))
