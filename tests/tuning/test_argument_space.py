"""Arguments of the training and options of the model are searched like penalties."""

import json

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf

from occam import tuning, zoo
from occam.tuning.argument_space import ArgumentSpace
from occam.tuning.search import MedianStopping

SEARCH = {
    "learning_rate": (1e-3, 1e-2),
    "batch_size": [200, 400],
    "epochs": (2, 4),
    "units": [(8,), (8, 8)],
}
ARGUMENTS = {
    "space": ["l2"],
    "search": SEARCH,
    "max_trials": 8,
    "racing": tuning.Racing(1, 1, sampler="random"),
    "epochs": 3,
    "verbose": 0,
}


@pytest.fixture(scope="module")
def found(digits, tmp_path_factory):
    directory = tmp_path_factory.mktemp("arguments") / "search"
    return tuning.tune("mlp", digits, directory=directory, **ARGUMENTS)


def test_candidates_differ_in_all_arguments_and_are_recorded(found, digits):
    first, *others = (candidate.hyperparameters for candidate in found.candidates)
    assert first == {"learning_rate": 5e-3, "batch_size": 200, "epochs": 3, "units": (8,)}
    for values in others:
        assert 1e-3 <= values["learning_rate"] <= 1e-2
        assert values["epochs"] in (2, 3, 4)
        assert values["batch_size"] in SEARCH["batch_size"]
        assert values["units"] in SEARCH["units"]
    for name in SEARCH:
        assert len({values[name] for values in (first, *others)}) > 1
        assert found.table()[name].tolist() == [
            found.candidates[trial].hyperparameters[name] for trial in found.table().index
        ]
    assert str(found).splitlines()[0].split()[3:] == [*SEARCH, "l2"]
    for candidate in found.candidates:
        for run in found.executions(candidate):
            epochs = candidate.hyperparameters["epochs"]
            assert len(run.history["val_data_loss"]) == epochs
    winner = json.loads((found.directory / "winner.json").read_text())
    expected = {**found.hyperparameters, "units": [*found.hyperparameters["units"]]}
    assert winner["hyperparameters"] == expected
    again = tuning.tune("mlp", digits, directory=found.directory, **ARGUMENTS)
    assert again.candidates == found.candidates


def test_a_candidate_trains_with_its_arguments_as_zoo_train_does(found, digits):
    candidate = found.candidates[1]
    values = candidate.hyperparameters
    keras.utils.set_random_seed(0)
    model = zoo.create_model(
        "mlp",
        data=digits,
        regularization=candidate.regularization,
        seed=0,
        units=values["units"],
    )
    data = digits.with_batch_size(values["batch_size"])
    keras.utils.set_random_seed(0)
    length = {"epochs": values["epochs"], "learning_rate": values["learning_rate"]}
    run = zoo.train(model, data, **length, seed=0, patience=None, refit=False, verbose=0)
    losses = found.executions(candidate)[0].history["val_data_loss"]
    np.testing.assert_allclose(run.history["val_data_loss"], losses, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:Importances of 8 trials:UserWarning")
def test_the_refit_and_the_pictures_have_the_arguments(found, digits):
    refit = found.refit(verbose=0)
    chosen = found.hyperparameters
    assert tuple(refit.run.config["model"]["options"]["units"]) == chosen["units"]
    training = refit.run.config["training"]
    assert training["learning_rate"] == chosen["learning_rate"]
    assert training["epochs"] == chosen["epochs"]
    steps = digits.with_batch_size(chosen["batch_size"]).steps_per_epoch
    assert int(refit.model.optimizer.iterations) == found.epochs * steps
    assert refit.run.config["data"]["arguments"]["batch_size"] == chosen["batch_size"]
    assert all(path.exists() for path in found.plot())


def test_the_medians_of_longer_trainings_are_at_the_same_fraction(digits, tmp_path, monkeypatch):
    """Losses of 4 epochs are 4, 3, 2, 1, and those of 2 epochs, at a half and the end, 3, 1."""
    medians = []

    def fit(*args, epochs, callbacks, **kwargs):
        medians.extend((epochs, c.medians) for c in callbacks if isinstance(c, MedianStopping))
        curve = np.linspace(4 - 4 / epochs + 1, 1, epochs).tolist()
        others = {"val_data_loss": curve, "val_accuracy": [0.5] * epochs}
        return {"val_refined_loss": curve, **others}

    monkeypatch.setattr("occam.zoo.training.engine.fit", fit)
    arguments = {**ARGUMENTS, "search": {"epochs": [2, 4]}, "units": (8,)}
    tuning.tune("mlp", digits, directory=tmp_path, **arguments)
    assert {epochs for epochs, _ in medians} == {2, 4}
    for epochs, values in medians:
        assert values[epochs // 2 - 1] == 3
        assert values[-1] == 1


def test_a_keras_model_has_a_batch_size_and_a_length(digits, tmp_path):
    layers = [keras.layers.Flatten(), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    search = {"batch_size": [400, 800], "epochs": [1, 2]}
    arguments = {**ARGUMENTS, "search": search, "max_trials": 3, "directory": tmp_path / "search"}
    found = tuning.tune(model, digits, **arguments)
    for candidate in found.candidates:
        assert set(candidate.hyperparameters) == {"batch_size", "epochs"}
        (first, *_) = found.executions(candidate)
        assert len(first.history["val_data_loss"]) == candidate.hyperparameters["epochs"]
    found.refit(verbose=0)
    arguments |= {"search": {"learning_rate": [0.1]}, "directory": tmp_path / "other"}
    with pytest.raises(ValueError, match=r"`search` must not have 'learning_rate', since .* comp"):
        tuning.tune(model, digits, **arguments)


def with_rate(hp):
    hp.Float("learning_rate", 1e-6, 1e-5)
    layers = [keras.layers.Flatten(), keras.layers.Dense(10)]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (["units"], "`search` must be a mapping from names of arguments to their values, or None"),
        ({"width": [3]}, "`search` must only have names among epochs, .*, units.*: width"),
        ({"units": [64]}, r"`search\['units'\]` must be values that the model takes.*`units` must"),
        ({"units": []}, r"`search\['units'\]` must be one or more choices, each once"),
        ({"units": [(8,), (8,)]}, "each once"),
        ({"units": [{8}, {9}]}, "choices that are numbers, strings, bools, None, or tuples"),
        ({"epochs": [0, 3]}, r"`search\['epochs'\]` must be an integer >= 1"),
        ({"batch_size": (8.0, 64.0)}, r"`search\['batch_size'\]` must be an integer >= 1"),
        ({"learning_rate": 0.1}, "must be a list of choices, or a tuple of the smaller and the"),
        ({"learning_rate": (1e-2, 1e-3)}, r"larger end of a range. .*=\(0.01, 0.001\)"),
        ({"learning_rate": (0.0, 1e-3)}, r"must be a number in \(0, inf\)"),
        ({"learning_rate": [0.1, -1.0]}, r"must be a number in \(0, inf\)"),
    ],
)
def test_errors(digits, tmp_path, search, message):
    arguments = {**ARGUMENTS, "search": search, "directory": tmp_path / "search"}
    with pytest.raises((TypeError, ValueError), match=message):
        tuning.tune("mlp", digits, **arguments)
    assert not (tmp_path / "search").exists()


def test_a_hyperparameter_of_the_same_name_is_an_error(digits, tmp_path):
    arguments = {**ARGUMENTS, "search": {"learning_rate": (0.1, 0.2)}, "directory": tmp_path / "a"}
    with pytest.raises(ValueError, match="`search` must not have 'learning_rate', since `model` d"):
        tuning.tune(with_rate, digits, **arguments)


def test_the_batches_of_a_dataset_cannot_be_searched(digits, tmp_path):
    x, y = (np.concatenate(each) for each in zip(*digits.validation, strict=True))
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(20)
    arguments = {**ARGUMENTS, "search": {"batch_size": [10, 20]}, "directory": tmp_path / "a"}
    with pytest.raises(ValueError, match="`search` must not have 'batch_size', since `data` is"):
        tuning.tune("mlp", batches, validation_data=batches, **arguments)


def test_what_is_searched_belongs_to_the_search(found, digits):
    arguments = {**ARGUMENTS, "search": {**SEARCH, "batch_size": [200, 300]}}
    with pytest.raises(ValueError, match=r"other arguments \(search arguments batch_size"):
        tuning.tune("mlp", digits, directory=found.directory, **arguments)


def test_choices_that_are_lists_are_read_back():
    search = {"units": [[8], [8, 9]], "norm": [None, "batch"]}
    space = ArgumentSpace(search, {}, {"units": [4], "norm": "layer"})
    hp = keras_tuner.HyperParameters()
    assert space.options(hp) == {"units": [8], "norm": None}
    hp.values = space.encoded({"units": [8, 9], "norm": "batch"})
    assert space.options(hp) == space.decoded(hp.values) == {"units": [8, 9], "norm": "batch"}


def test_a_range_has_its_middle_or_the_value_otherwise_first():
    space = ArgumentSpace(
        {"width": (10, 1000), "rate": (0.01, 1.0), "epochs": (10, 20)},
        {"epochs": 5},
        {"width": None, "rate": 0.5},
    )
    hp = keras_tuner.HyperParameters()
    assert space.options(hp) == {"width": 100, "rate": 0.5}
    assert space.training(hp) == {"epochs": 10}
