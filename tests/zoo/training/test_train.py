import copy
import json
import re
import shutil

import keras
import numpy as np
import pytest

from occam import zoo
from occam.callbacks import weight_penalty
from occam.zoo.training.run import RunDirectory


@pytest.fixture(scope="module")
def finished(digits, tmp_path_factory):
    """A finished run of eight epochs, its model, and its directory."""
    model = zoo.create_model(
        "mlp",
        input_shape=digits.input_shape,
        num_classes=10,
        regularization=zoo.Regularization(l2=1e-3, dropout=0.2, label_smoothing=0.1),
        seed=0,
        units=(32,),
    )
    log_dir = tmp_path_factory.mktemp("runs") / "mlp"
    return zoo.train(model, digits, epochs=8, log_dir=log_dir, verbose=0), model


def figures(run):
    """The result as bytes, without the time it took."""
    return json.dumps({k: v for k, v in run.result.items() if k != "seconds"}).encode()


def test_it_learns(finished):
    run, _ = finished
    assert run.result["test"]["accuracy"] > 0.9
    assert run.history["data_loss"][-1] < run.history["data_loss"][0] / 2


def test_the_figures_are_in_inference_mode(finished, digits):
    run, model = finished
    for part, batches in (("validation", digits.validation), ("test", digits.test)):
        x, y = map(np.concatenate, zip(*batches.as_numpy_iterator(), strict=True))
        logits = np.asarray(model(x, training=False), "float64")
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        data_loss = -log_p[np.arange(len(y)), y].mean()
        result = run.result[part]
        assert result["accuracy"] == pytest.approx((logits.argmax(axis=1) == y).mean())
        assert result["data_loss"] == pytest.approx(data_loss, rel=1e-5)
        # The penalty is in it; the label smoothing, which is for training, is not.
        assert result["loss"] == pytest.approx(data_loss + run.result["weight_penalty"], rel=1e-5)
    assert run.result["weight_penalty"] == pytest.approx(float(weight_penalty(model)))


def test_the_gap_is_test_against_train(finished):
    result = finished[0].result
    assert result["gap"] == {
        "data_loss": result["test"]["data_loss"] - result["train"]["data_loss"],
        "accuracy": result["train"]["accuracy"] - result["test"]["accuracy"],
    }


def test_the_best_weights_are_kept(finished):
    run, _ = finished
    history = run.history["val_data_loss"]
    assert run.result["best_epoch"] == int(np.argmin(history)) + 1
    assert run.result["validation"]["data_loss"] == pytest.approx(min(history), rel=1e-6)


def test_the_files_of_a_run(finished):
    run, _ = finished
    names = {path.name for path in run.directory.iterdir()}
    assert names == {"config.json", "history.csv", "model.keras", "result.json", "tensorboard"}
    assert list((run.directory / "tensorboard").rglob("events.out.tfevents*"))
    config = run.config
    length = {"epochs": 8, "passes": 1, "steps": 104, "patience": 30}
    how = {"validation_by": "part", "refit": False, "rerun": True}
    rest = {"learning_rate": 5e-3, "train_eval": 0.2, "seed": 0}
    assert config["training"] == length | rest | how
    assert config["model"]["options"] == {"units": (32,)}
    assert config["git"] is None or len(config["git"]["commit"]) == 40
    assert config["data"]["name"] == "digits"
    assert set(config["versions"]) > {"python", "keras", "tensorflow", "keras-occam"}


def test_a_loaded_run_equals_the_original(finished, digits):
    run, model = finished
    loaded = zoo.Run.load(run.directory)
    assert loaded.result == run.result
    assert loaded.history == {n: pytest.approx(v, rel=1e-6) for n, v in run.history.items()}
    assert loaded.regularization == zoo.Regularization(l2=1e-3, dropout=0.2, label_smoothing=0.1)
    x = next(iter(digits.raw("test")))[0]
    preprocessed = loaded.load_preprocessing()(x)
    np.testing.assert_array_equal(
        loaded.load_model()(preprocessed), model(next(iter(digits.test))[0])
    )


def test_the_tensorboard_logs_agree_with_the_history(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    run, _ = finished
    events = EventAccumulator(str(run.directory / "tensorboard" / "validation")).Reload()
    logged = [float(tensor_util.make_ndarray(e.tensor_proto)) for e in events.Tensors("loss/data")]
    assert logged == pytest.approx(run.history["val_data_loss"], rel=1e-6)


def test_the_ledger_splits_the_loss_and_shows_the_gap(finished):
    run, _ = finished
    h = {name: np.asarray(values) for name, values in run.history.items()}
    np.testing.assert_allclose(h["loss"], h["data_loss"] + h["penalty"], rtol=1e-5)
    np.testing.assert_allclose(h["val_loss"], h["val_data_loss"] + h["val_penalty"], rtol=1e-5)
    np.testing.assert_allclose(h["gap_loss"], h["val_data_loss"] - h["train_eval_loss"], atol=1e-6)
    assert h["penalty/dense"][-1] > 0


def test_the_model_card(finished):
    run, model = finished
    card = json.loads(json.dumps(run.card(), allow_nan=False))
    assert card["name"] == "mlp"
    assert card["datasets"] == ["digits"]
    assert card["regularization"] == {"l2": 1e-3, "dropout": 0.2, "label_smoothing": 0.1}
    assert card["parameters"] == model.count_params()
    assert card["test"] == run.result["test"]
    assert card["training"]["seed"] == 0
    assert card["verdict"] == run.verdict.kind


def test_the_verdict_ends_at_the_best_epoch(finished):
    run, _ = finished
    verdict = run.verdict
    assert verdict.kind in ("underfitting", "well fitted")
    assert f"At epoch {run.result['best_epoch']} " in verdict.evidence[0]


def test_without_train_eval_there_is_no_gap(digits, mlp):
    run = zoo.train(mlp(), digits, epochs=1, train_eval=0, verbose=0)
    assert "gap_loss" not in run.history
    assert any("train_eval_loss is not logged" in line for line in run.verdict.evidence)


def test_a_finished_run_is_returned_without_training(finished, digits, mlp):
    run, trained = finished
    model = mlp(regularization=run.regularization)
    again = zoo.train(model, digits, epochs=8, log_dir=run.directory, verbose=0)
    assert again.result == run.result
    for ours, theirs in zip(model.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_same_seeds_give_the_same_bytes(digits, mlp):
    first, again, other = (
        figures(zoo.train(mlp(), digits, epochs=3, seed=seed, verbose=0)) for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_early_stopping_stops(digits, mlp):
    model = mlp()
    run = zoo.train(model, digits, epochs=60, learning_rate=0.3, patience=2, verbose=0)
    assert run.result["stopped_early"]
    assert run.result["epochs"] == run.result["best_epoch"] + 2


def test_without_patience_the_last_weights_are_kept(digits, mlp):
    run = zoo.train(mlp(), digits, epochs=3, patience=None, verbose=0)
    assert run.result["best_epoch"] == 3
    last = run.history["val_data_loss"][-1]
    assert run.result["validation"]["data_loss"] == pytest.approx(last, rel=1e-6)


def test_callbacks_of_the_user_are_called(digits, mlp):
    epochs = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    zoo.train(mlp(), digits, epochs=3, callbacks=[callback], verbose=0)
    assert epochs == [0, 1, 2]


def test_the_progress_bar_goes_to_standard_error(digits, mlp, capsys):
    zoo.train(mlp(), digits, epochs=2, verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "2/2" in err
    assert "val_data_loss" in err


def test_a_custom_model(digits):
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    regularization = zoo.Regularization(label_smoothing=0.1, weight_decay=0.1)
    run = zoo.train(model, digits, regularization=regularization, epochs=2, verbose=0)
    assert run.regularization == regularization
    with pytest.raises(
        ValueError, match=r"not created by zoo.create_model.* Received also: l2, dropo"
    ):
        zoo.train(model, digits, regularization=zoo.Regularization(l2=0.1, dropout=0.1), epochs=1)


@pytest.mark.parametrize("copied", [keras.models.clone_model, copy.deepcopy])
def test_a_copy_is_trained_like_the_original(digits, mlp, copied):
    model = copied(mlp())
    trained_with = zoo.train(model, digits, epochs=1, verbose=0).regularization
    assert trained_with.only("training") == mlp().blueprint.regularization.only("training")


def test_training_regularization_of_a_nested_model_is_a_warning(digits, mlp):
    outer = keras.Sequential([keras.Input(digits.input_shape), mlp()], name="outer")
    message = (
        r"'mlp' was created with Regularization\(weight_decay=0.01, label_smoothing=0.1\) and is "
        "part of model 'outer', which is trained without it. Pass a `regularization` to zoo.train"
    )
    with pytest.warns(UserWarning, match=message):
        zoo.train(outer, digits, epochs=1, verbose=0)
    told = zoo.Regularization(label_smoothing=0.1)
    assert zoo.train(outer, digits, regularization=told, epochs=1, verbose=0).result["epochs"] == 1


def test_training_changes_only_the_training_part_of_the_regularization(digits, mlp):
    model = mlp()
    changed = model.blueprint.regularization.replace(label_smoothing=0.0)
    assert (
        zoo.train(model, digits, regularization=changed, epochs=1, verbose=0).regularization
        == changed
    )
    with pytest.raises(ValueError, match=r"The model was created with Regularization\(l2=0.001"):
        zoo.train(model, digits, regularization=changed.replace(l2=0.0), epochs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"train_eval": 1.5},
            r"`train_eval` must be a number in \[0, 1\]. Received: train_eval=1.5",
        ),
        ({"epochs": 0}, "`epochs` must be an integer >= 1 or None. Received: epochs=0"),
        ({"epochs": True}, "Received: epochs=True"),
        (
            {"learning_rate": 0.0},
            r"`learning_rate` must be a number in \(0, inf\) or None. Received: learni",
        ),
        ({"learning_rate": "fast"}, "Received: learning_rate='fast'"),
        ({"seed": "a"}, "`seed` must be an integer >= 0. Received: seed='a'"),
        ({"patience": 0}, "`patience` must be an integer >= 1 or None. Received: patience=0"),
        (
            {"callbacks": [keras.callbacks.ReduceLROnPlateau()]},
            "`callbacks` must not set the learning rate, .* Received: ReduceLROnPlateau",
        ),
        (
            {"callbacks": [keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)]},
            "Received: LearningRateScheduler",
        ),
        ({"regularization": "heavy"}, "or None. Received: regularization='heavy'"),
    ],
)
def test_errors(digits, mlp, arguments, message):
    with pytest.raises(ValueError, match=message):
        zoo.train(mlp(), digits, **{"epochs": 1, **arguments})


def test_a_model_that_does_not_fit_the_data(digits):
    model = zoo.create_model("mlp", input_shape=(8, 8, 1), num_classes=9)
    message = r"needs a built model with input .*\(None, 10\). Received: .*\(None, 9\)"
    with pytest.raises(ValueError, match=message):
        zoo.train(model, digits, epochs=1)


def test_a_directory_with_another_run_is_an_error(finished, digits, mlp):
    run, _ = finished
    message = r"other arguments \(.*training epochs 8, now 9.*\). Choose another directory"
    with pytest.raises(ValueError, match=message):
        zoo.train(mlp(regularization=run.regularization), digits, epochs=9, log_dir=run.directory)


def test_a_directory_with_other_files_is_an_error(digits, mlp, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ValueError, match=r"a directory that holds 'thesis.tex'"):
        zoo.train(mlp(), digits, epochs=1, log_dir=tmp_path)
    with pytest.raises(ValueError, match=r"a directory that holds 'thesis.tex'"):
        zoo.train(mlp(), digits, epochs=1, log_dir=tmp_path, resume=False)
    assert (tmp_path / "thesis.tex").exists()


def test_without_resume_only_the_files_of_a_run_are_deleted(digits, mlp, tmp_path):
    (tmp_path / "config.json").write_text('{"name": "a checkout of something else"}')
    for resume in (True, False):
        with pytest.raises(ValueError, match=r"whose config.json is not that of a training"):
            zoo.train(mlp(), digits, epochs=1, log_dir=tmp_path, resume=resume)
    log_dir = tmp_path / "run"
    zoo.train(mlp(), digits, epochs=1, log_dir=log_dir, verbose=0)
    (log_dir / "notes.md").write_text("mine")
    zoo.train(mlp(), digits, epochs=2, log_dir=log_dir, resume=False, verbose=0)
    assert (log_dir / "notes.md").read_text() == "mine"


def test_half_written_files_of_a_killed_process_are_overwritten(digits, mlp, tmp_path):
    (tmp_path / "config.tmp").write_text("{")
    assert zoo.train(mlp(), digits, epochs=1, log_dir=tmp_path, verbose=0).result["epochs"] == 1


def custom_model(activation="relu"):
    """A model that `create_model` did not build, with automatic names."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(4, activation=activation),
            keras.layers.Dense(10),
        ]
    )


def test_a_custom_model_is_identified_by_its_architecture(digits, tmp_path):
    first = zoo.train(custom_model(), digits, epochs=1, log_dir=tmp_path, verbose=0)
    again = zoo.train(custom_model(), digits, epochs=1, log_dir=tmp_path, verbose=0)
    assert again.result == first.result
    with pytest.raises(
        ValueError, match=r"other arguments \(model architecture '\w+', now '\w+'\)"
    ):
        zoo.train(custom_model("tanh"), digits, epochs=1, log_dir=tmp_path, verbose=0)


def test_a_model_that_returns_probabilities_is_an_error(digits):
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    )
    with pytest.raises(
        ValueError, match=r"must return logits: remove the activation from .* softmax"
    ):
        zoo.train(model, digits, epochs=1)


def test_a_model_that_is_not_built_is_an_error(digits):
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    with pytest.raises(ValueError, match=r"needs a built model .* Received: None and None"):
        zoo.train(model, digits, epochs=1)


def test_a_loaded_model_keeps_its_regularization(finished, digits):
    run, _ = finished
    again = zoo.train(run.load_model(), digits, epochs=1, verbose=0)
    assert again.regularization == run.regularization


def test_a_diverged_training_is_an_error(digits, mlp):
    with pytest.raises(
        FloatingPointError, match=r"diverged: after \d+ epochs .* is (nan|inf).*below"
    ):
        zoo.train(mlp(), digits, epochs=3, learning_rate=1e30, patience=None, verbose=0)


def test_a_finished_run_leaves_the_model_compiled(finished, digits, mlp):
    run, _ = finished
    model = mlp(regularization=run.regularization)
    zoo.train(model, digits, epochs=8, log_dir=run.directory, verbose=0)
    figures = model.evaluate(digits.test, return_dict=True, verbose=0)
    assert figures["data_loss"] == run.result["test"]["data_loss"]


def test_without_resume_the_run_starts_anew(digits, mlp, tmp_path):
    zoo.train(mlp(), digits, epochs=1, log_dir=tmp_path / "run", verbose=0)
    run = zoo.train(mlp(), digits, epochs=2, log_dir=tmp_path / "run", resume=False, verbose=0)
    assert run.result["epochs"] == 2


def test_a_run_that_is_not_finished_cannot_be_loaded(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no finished run: no result.json"):
        zoo.Run.load(tmp_path)


def test_a_lambda_in_a_run_is_not_executed(finished, tmp_path):
    run, _ = finished
    copy = zoo.Run.load(shutil.copytree(run.directory, tmp_path / "run"))
    double = keras.layers.Lambda(lambda x: x * 2)
    keras.Sequential([keras.Input((4,)), double]).save(tmp_path / "run" / "model.keras")
    with pytest.raises(ValueError, match="Lambda"):
        copy.load_model()


def test_a_history_may_hold_arrays(tmp_path):
    files = RunDirectory(tmp_path)
    files.write_history(
        {"loss": [0.5, 0.25], "f1": [np.array([0.5]), np.array([1.0])], "of": [np.ones(2)] * 2}
    )
    history = files.read_history()
    assert history["loss"] == [0.5, 0.25]
    assert history["f1"] == [0.5, 1.0]
    np.testing.assert_array_equal(history["of"], np.ones((2, 2)))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("config.json", "{}", "config.json must be that of a run. Received: no 'model' in it"),
        ("result.json", "{", "result.json must be a JSON file. Received: Expecting"),
        ("result.json", '{"job": 1}', "result.json must be that of a run. Received: no 'train' in"),
    ],
)
def test_a_damaged_file_of_a_run_is_named(finished, tmp_path, name, text, expected):
    copy = shutil.copytree(finished[0].directory, tmp_path / "run")
    (copy / name).write_text(text)
    with pytest.raises(ValueError, match=re.escape(expected)):
        zoo.Run.load(copy)


def test_a_damaged_model_of_a_run_is_named(finished, tmp_path):
    copy = shutil.copytree(finished[0].directory, tmp_path / "run")
    (copy / "model.keras").write_bytes(b"PK")
    with pytest.raises(FileNotFoundError, match=r"model.keras must be the model of the run\. Rec"):
        zoo.Run.load(copy).load_model()
