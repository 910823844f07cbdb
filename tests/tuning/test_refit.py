import dataclasses
import json
import math
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from occam import exports, tuning, zoo
from occam.zoo.data import Data

ONE = {"max_trials": 1, "racing": tuning.Racing(1, 1)}
ARGUMENTS = {"space": ["l2"], "max_trials": 2, "racing": tuning.Racing(1, 2), "verbose": 0}


@pytest.fixture(scope="module")
def searched(digits, tmp_path_factory):
    directory = tmp_path_factory.mktemp("refit") / "search"
    return tuning.tune("mlp", digits, directory=directory, epochs=3, units=(16,), **ARGUMENTS)


@pytest.fixture
def found(searched, tmp_path):
    """A search that was not refitted."""
    copy = shutil.copytree(searched.directory, tmp_path / "search")
    return dataclasses.replace(searched, directory=copy)


def test_the_choice_is_trained_once_and_tested_once(found, digits, tmp_path, monkeypatch):
    refit = found.refit(verbose=0)
    assert refit.run.regularization == found.regularization
    steps = found.epochs * digits.steps_per_epoch  # as in the search, though there are more rows
    assert int(refit.model.optimizer.iterations) == steps
    chosen = found.chosen
    assert refit.validation == found.winner["validation"]
    assert refit.validation["refined_loss"] == chosen.loss
    assert set(refit.test) == {"data_loss", "data_loss_error", "accuracy", "accuracy_error"}
    x, y = (np.concatenate(each) for each in zip(*digits.test.as_numpy_iterator(), strict=True))
    logits = refit.model.predict(x, verbose=0)
    accuracy = (logits.argmax(axis=1) == y).mean()
    assert refit.test["accuracy"] == pytest.approx(accuracy)
    error = math.sqrt(accuracy * (1 - accuracy) / len(y))
    assert refit.test["accuracy_error"] == pytest.approx(error, rel=0.02)  # groups of 3 or 4 rows
    loss = keras.ops.convert_to_numpy(
        keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
    )
    assert refit.test["data_loss"] == pytest.approx(loss.mean(), rel=1e-4)
    assert refit.test["data_loss_error"] == pytest.approx(loss.std() / math.sqrt(len(y)), rel=0.01)
    for name in ("data_loss", "accuracy"):
        difference = refit.test[name] - refit.validation[name]
        assert refit.optimism[name] == difference
        errors = refit.test[f"{name}_error"], refit.validation[f"{name}_error"]
        assert refit.optimism[f"{name}_error"] == pytest.approx(math.hypot(*errors))
    record = json.loads((found.directory / "refit.json").read_text())
    assert record["optimism"] == refit.optimism
    head, *_, last = str(refit).splitlines()
    assert head.split() == ["validation", "test", "test", "-", "validation"]
    assert last == f"refit on all rows but the test part, {found.epochs} epochs"

    refit.run.export(tmp_path / "exports")
    answer = exports.load(tmp_path / "exports").predict(next(iter(digits.raw("test")))[0])
    assert answer["probabilities"].shape[1] == 10

    monkeypatch.setattr(Data, "test", property(lambda self: pytest.fail("test was read again")))
    again = tuning.tune(
        "mlp", digits, directory=found.directory, epochs=3, units=(16,), **ARGUMENTS
    ).refit(verbose=0)
    assert (again.validation, again.test) == (refit.validation, refit.test)
    for array, same in zip(refit.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, same)


def test_by_default_runs_are_as_long_as_those_of_a_training(tmp_path):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 3)).astype("float32")
    data = zoo.load_data((x, (x[:, 0] > 0).astype("int32")), seed=0)
    small = {"max_trials": 1, "racing": tuning.Racing(1, 1), "space": ["l2"], "units": (4,)}
    found = tuning.tune("mlp", data, directory=tmp_path, verbose=0, **small)
    run = zoo.train(zoo.create_model("mlp", data=data, units=(4,)), data, verbose=0)
    length = ("epochs", "passes", "steps")
    expected = {name: run.config["training"][name] for name in length}
    assert {name: vars(found.training.budget({}))[name] for name in length} == expected
    assert expected["passes"] > 1
    assert found.epochs > 1
    refit = found.refit(verbose=0)
    steps = found.epochs * expected["passes"] * data.steps_per_epoch
    assert int(refit.model.optimizer.iterations) == steps
    assert {name: refit.run.config["training"][name] for name in length} == expected


def test_a_second_choice_does_not_look_at_the_test_part_again(found, monkeypatch):
    (found.directory / "refit.json").write_text(json.dumps({"trial": 7}))
    monkeypatch.setattr(Data, "test", property(lambda self: pytest.fail("test was read again")))
    with pytest.raises(ValueError, match="looked at for trial 7, before the search went on and ch"):
        found.refit(verbose=0)


def test_on_the_same_rows_the_refit_repeats_a_run_of_the_search(found, monkeypatch):
    monkeypatch.setattr(Data, "without_validation", lambda self: self)
    refit = found.refit(verbose=0)
    first = found.executions(found.chosen)[0].history["val_data_loss"]
    curve = refit.run.history["val_data_loss"]
    np.testing.assert_allclose(curve, first[: found.epochs], rtol=1e-5)


def test_the_epochs_are_the_median_of_the_best_epochs_on_the_other_seeds(found):
    for number, best in enumerate([50, 4, 7]):
        (file,) = found.directory.glob(f"trial_{found.chosen.trial}/execution-{number}.json")
        file.write_text(json.dumps({**json.loads(file.read_text()), "best_epoch": best}))
    assert found.epochs == 6


def compiled(hp):
    layers = [keras.layers.Flatten(), keras.layers.Dense(hp.Int("units", 8, 16, step=8), "relu")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(hp.Float("rate", 0.1, 0.2)), loss)
    return model


def test_a_compiled_model_of_a_function_without_a_test_part(digits, tmp_path):
    train = digits.raw_splits["train"]
    data = (np.asarray(train.features), np.asarray(train.targets))
    found = tuning.tune(compiled, data, directory=tmp_path / "search", epochs=1, **ARGUMENTS)
    refit = found.refit(verbose=0)
    rate = keras.ops.convert_to_numpy(refit.model.optimizer.learning_rate)
    assert rate == pytest.approx(found.hyperparameters["rate"])
    assert refit.model.layers[1].units == found.hyperparameters["units"]
    assert refit.test is refit.optimism is None
    assert str(refit).endswith("1 epoch; the data has no test part")
    assert [*refit.validation] == ["data_loss", "data_loss_error"]


def test_a_compiled_model_without_a_metric_of_the_task(digits, tmp_path):
    arguments = {**ARGUMENTS, **ONE}
    found = tuning.tune(compiled, digits, directory=tmp_path / "search", epochs=1, **arguments)
    assert found.metric == "val_data_loss"
    assert str(found).splitlines()[0].split() == ["trial", "val_data_loss", "units", "rate", "l2"]
    refit = found.refit(verbose=0)
    assert list(refit.test or {}) == ["data_loss", "data_loss_error"]
    assert str(refit.run).startswith("data_loss: train ")


def test_a_keras_model_is_not_changed(digits, tmp_path):
    model = zoo.create_model("mlp", data=digits, regularization="none", seed=5, units=(8,))
    before = model.get_weights()
    arguments = {**ARGUMENTS, **ONE}
    found = tuning.tune(model, digits, directory=tmp_path / "search", epochs=1, **arguments)
    refit = found.refit(verbose=0)
    assert refit.test["accuracy"] > 0.1
    for array, same in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, same)


def test_data_that_is_not_in_memory_is_refused(digits, tmp_path):
    x, y = next(iter(digits.train))
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(20)
    data = zoo.load_data(batches, validation=batches, test=False)
    arguments = {**ARGUMENTS, **ONE}
    found = tuning.tune("mlp", data, directory=tmp_path / "search", epochs=1, **arguments)
    with pytest.raises(ValueError, match="`data` must be in memory, to join its parts for a refit"):
        found.refit(verbose=0)
    unknown = tuning.Tuning(found.candidates, found.space, found.directory)
    with pytest.raises(ValueError, match=r"Only the result of tuning.tune can be refitted"):
        unknown.refit()


def test_a_metric_that_is_no_score_of_the_task_has_no_error_on_the_test_part(data_dir, tmp_path):
    data = zoo.load_data("tags", data_dir=data_dir)
    arguments = {**ARGUMENTS, **ONE, "units": (8,)}
    found = tuning.tune("mlp", data, directory=tmp_path / "search", epochs=1, **arguments)
    refit = found.refit(verbose=0)
    assert list(refit.test or {}) == ["data_loss", "label_accuracy", "data_loss_error"]
    assert str(refit.run).startswith("macro_f1: train ")
