"""A model that is compiled once trains like one that is compiled anew."""

import json

import keras
import numpy as np
import pytest

from occam import tuning, zoo
from occam.tuning.compiled_models import CompiledModels, structure
from occam.zoo import Regularization
from occam.zoo.training import engine

BUDGET = {"epochs": 2, "learning_rate": 0.005}


def strengths(**values):
    """Two regularizations of the same structure: all values, and half of them."""
    return Regularization(**values), Regularization(**{n: v / 2 for n, v in values.items()})


@pytest.mark.parametrize(
    ("model", "pair"),
    [
        ("mlp", strengths()),
        ("mlp", strengths(l2=1e-2, dropout=0.4, noise=0.2, activity_l1=1e-4)),
        ("mlp", strengths(l1=1e-4, group_lasso=1e-4, orthogonal=1.0, hoyer=1e-4)),
        ("mlp", strengths(drop_connect=0.4, label_smoothing=0.2, mixup=0.8)),
        ("mlp", strengths(sam_rho=0.1, weight_decay=0.4)),
        ("mlp", (Regularization(), Regularization(weight_decay=0.5))),
        pytest.param(
            "resnet20",
            strengths(stochastic_depth=0.4, spatial_dropout=0.2, drop_block=0.2),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_second_training_has_the_same_bits(digits, model, pair):
    models, small = CompiledModels(), {"units": (16,)} if model == "mlp" else {}

    def build(regularization, seed):
        return zoo.create_model(
            model, data=digits, regularization=regularization, seed=seed, **small
        )

    for seed, regularization in enumerate(pair):
        alone = build(regularization, seed)
        trainee = engine.compile_model(alone, digits, regularization, **BUDGET)
        expected = engine.fit(trainee, digits, regularization, epochs=2, seed=seed)

        fresh = build(regularization, seed)
        shared = models.get(
            fresh,
            lambda: engine.compile_model(fresh, digits, regularization, **BUDGET),  # noqa: B023
            regularization,
        )
        assert models.reused == (seed > 0)
        found = engine.fit(shared, digits, regularization, epochs=2, seed=seed)
        assert found == expected
        for ours, theirs in zip(shared.get_weights(), trainee.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "other",
    [
        Regularization(l2=1e-3),
        Regularization(l2=1e-3, dropout=0.1, max_norm=2.0),
        Regularization(l2=1e-3, dropout=0.1, sam_rho=0.1),
    ],
)
def test_another_structure_is_compiled_anew(digits, other):
    models = CompiledModels()

    def get(regularization):
        model = zoo.create_model("mlp", data=digits, regularization=regularization, seed=0)
        return models.get(
            model,
            lambda: engine.compile_model(model, digits, regularization, **BUDGET),
            regularization,
        )

    assert get(Regularization(l2=1e-3, dropout=0.1)) is not get(other)


def test_limits_that_are_constants_belong_to_the_structure(digits):
    models = [
        zoo.create_model("mlp", data=digits, regularization=Regularization(max_norm=limit), seed=0)
        for limit in (1.0, 2.0)
    ]
    assert structure(models[0]) != structure(models[1])


class Twice(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


def of_layers(*layers):
    return keras.Sequential([keras.Input((3, 2), batch_size=1), *layers])


def test_models_with_a_state_of_their_own_have_no_structure():
    class Model(keras.Model):
        def call(self, inputs):
            return inputs

    assert structure(of_layers(keras.layers.GRU(1))) is not None
    assert structure(of_layers(keras.layers.GRU(1, stateful=True))) is None
    assert structure(of_layers(Twice())) is None
    assert structure(of_layers(keras.layers.Lambda(lambda x: x))) is None
    assert structure(Model()) is None


def test_only_the_most_recent_models_are_kept():
    models = CompiledModels(most=2)

    def get(units):
        keras.backend.clear_session()  # names begin anew, as in each trial
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
        return models.get(model, lambda: model.compile("sgd", "mse") or model)

    one, two = get(1), get(2)
    assert get(1) is one  # so the other is the oldest when a third one comes
    get(3)
    assert get(1) is one
    assert get(2) is not two


def test_a_search_compiles_each_structure_once(digits, tmp_path):
    racing = tuning.Racing(1, 1, sampler="random")
    arguments = {"space": ["l2"], "epochs": 2, "racing": racing, "units": (8,), "verbose": 0}
    found = tuning.tune("mlp", digits, max_trials=5, directory=tmp_path, **arguments)
    on = [bool(candidate.regularization.l2) for candidate in found.candidates]
    expected = [switch in on[:number] for number, switch in enumerate(on)]
    assert _reused(found) == expected
    assert sum(expected) >= 2


def test_a_compiled_model_of_a_user_is_compiled_once(tmp_path):
    def build(hp):
        model = keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(hp.Choice("units", [4, 5])),
                keras.layers.Dense(1),
            ]
        )
        model.compile("adam", "mse")
        return model

    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 40, 3)).astype("float32")
    found = tuning.tune(
        build,
        (x[0], x[0].sum(axis=1)),
        validation_data=(x[1], x[1].sum(axis=1)),
        space=["l2"],
        max_trials=6,
        racing=tuning.Racing(1, 1, sampler="random"),
        epochs=2,
        directory=tmp_path,
        verbose=0,
    )
    kinds = [(c.hyperparameters["units"], c.regularization.l2 > 0) for c in found.candidates]
    expected = [kind in kinds[:number] for number, kind in enumerate(kinds)]
    assert _reused(found) == expected
    assert any(expected)


def _reused(found):
    """Whether the first run of each trial trained a model of an earlier one."""
    files = (found.directory / f"trial_{c.trial}" / "execution-0.json" for c in found.candidates)
    return [json.loads(file.read_text())["reused"] for file in files]
