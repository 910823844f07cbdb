"""The choice among tiers: the losses, the rule, and what it costs."""

import sys

import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo.regularization import Regularization
from occam.zoo.training import race as module
from occam.zoo.training.race import Race, choose_regularization

TIERS = {"none": Regularization(), "strong": Regularization(l2=1.0)}
OPTIONS = {"units": (8,), "verbose": 0, "tiers": TIERS}


def race_of(**losses):
    losses = {tier: np.array(values, float) for tier, values in losses.items()}
    tiers = {tier: Regularization(l2=0.1 * n) for n, tier in enumerate(losses)}
    scores = dict.fromkeys(losses, 0.5)
    return Race(tiers, losses, np.ones(len(losses["none"])), scores, "accuracy", 1, 100)


def noisy(n=100, features=5, seed=0):
    """Labels that no model can predict from their features."""
    random = np.random.default_rng(seed)
    return random.normal(size=(n, features)).astype("float32"), np.arange(n) % 2


def test_the_most_regularized_of_the_equals_is_chosen():
    # Differences of (1, -1) to the best have mean 0; those of (2, 0) mean 1 and error 1.
    race = race_of(none=[1, 1], light=[2, 0], medium=[3, 1], strong=[3.1, 1.1])
    assert race.best == "none"
    assert race.difference("medium") == (1.0, 1.0)
    assert race.chosen == "medium"
    assert race.regularization == race.tiers["medium"]


def test_samples_that_all_agree_decide_at_once():
    race = race_of(none=[1, 2, 3], light=[0.9, 1.9, 2.9], strong=[0.95, 1.95, 2.95])
    assert race.chosen == "light"
    assert [line.split()[0] for line in str(race).splitlines()[1:]] == ["none", "*", "strong"]


def test_the_race_costs_two_trainings_and_reads_no_test_part():
    data = zoo.load_data(noisy(), test=noisy(seed=1))
    race = choose_regularization("mlp", data, steps=120, **OPTIONS)
    assert race.folds == 5
    assert 5 * len(race.tiers) * race.steps == 2 * 120
    assert {len(losses) for losses in race.losses.values()} == {100}
    assert "test" not in vars(data)  # which `data.test` would set


@pytest.mark.parametrize(
    ("steps", "candidates", "expected"),
    [
        (600, 4, (5, 56)),  # 2 epochs of 7 passes of 4 batches
        (50, 4, (5, 4)),  # 5 steps each would be one pass and a quarter
        (30, 4, (3, 4)),  # 15 steps a candidate are 3 passes
        (2, 4, (1, 5)),  # one pass, judged by the validation part
    ],
)
def test_short_races_have_fewer_folds_and_at_least_a_pass(steps, candidates, expected, monkeypatch):
    data = zoo.load_data(noisy(), test=False, batch_size=20)
    monkeypatch.setattr(module, "_held_out", lambda *_: (np.zeros(1, int), np.ones((1, 2)), [1.0]))
    tiers = {str(n): Regularization(l2=0.1 * n) for n in range(candidates)}
    race = choose_regularization("mlp", data, steps=steps, tiers=tiers, verbose=0)
    assert (race.folds, race.steps) == expected


def test_folds_of_the_data_are_trained_once():
    data = zoo.load_data(noisy(), test=False, validation="cv:3x4")
    race = choose_regularization("mlp", data, steps=60, **OPTIONS)
    assert race.folds == 3
    assert race.losses["none"].shape == (100,)


def test_a_candidate_that_diverges_loses_and_all_of_them_are_an_error(monkeypatch):
    race = race_of(none=[np.inf, np.inf], light=[1, 3], strong=[np.inf, np.inf])
    assert race.best == race.chosen == "light"
    assert race.difference("none")[0] == race.mean_loss("strong") == np.inf
    data = zoo.load_data(noisy(), test=False)
    with pytest.raises(FloatingPointError, match=r"\(none, strong\) diverged. .* below 1e\+30"):
        choose_regularization("mlp", data, steps=60, learning_rate=1e30, **OPTIONS)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"tiers": {}}, ValueError, "`tiers` must be a mapping"),
        ({"tiers": {"none": "none"}}, ValueError, "`tiers` must be a mapping"),
        ({"tiers": ["none", "light"]}, TypeError, "`tiers` must be a mapping"),
        ({"learning_rate": -1}, ValueError, "`learning_rate` must be"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_trained(arguments, error, text):
    data = zoo.load_data(noisy(), test=False)
    with pytest.raises(error, match=text):
        choose_regularization("mlp", data, **{"verbose": 0} | arguments)
    model = zoo.create_model("mlp", data=data, seed=0, units=(8,))
    with pytest.raises(ValueError, match="`patience` must be"):
        zoo.train(model, data, regularization="auto", patience=0)
    with pytest.raises(ValueError, match="`data` must have a validation part, or folds"):
        choose_regularization("mlp", data.without_validation(), verbose=0)


def test_enough_validation_samples_need_no_folds(data_dir):
    data = zoo.load_data("digits", validation_fraction=0.3, data_dir=data_dir)
    race = choose_regularization("mlp", data, epochs=1, **OPTIONS)
    assert race.folds == 1
    assert len(race.losses["none"]) == data.sizes["validation"] >= 400


def test_where_overfitting_is_all_a_strong_penalty_is_chosen():
    data = zoo.load_data(noisy(), test=False)
    race = choose_regularization("mlp", data, steps=300, **OPTIONS)
    assert race.chosen == "strong"


def test_create_model_trains_for_auto(monkeypatch):
    data = zoo.load_data(noisy(), test=False)
    monkeypatch.setattr(module.Budget, "of", lambda *_, **__: module.Budget(1, 1, 4, None))
    model = zoo.create_model("mlp", data=data, regularization="auto", seed=3, units=(8,))
    tiers = [zoo.preset("mlp", tier, data=data) for tier in zoo.models.TIERS]
    assert model.blueprint.regularization in tiers
    assert model.blueprint.seed == 3


def test_a_killed_race_resumes_with_the_same_choice(tmp_path, monkeypatch):
    data = zoo.load_data(noisy(), test=False)
    arguments = {"steps": 60, "directory": tmp_path / "race", **OPTIONS}
    undisturbed = choose_regularization("mlp", data, **{**arguments, "directory": None})
    fits = []
    fit = module.Fitter.fit

    def dies_at_the_fourth(self, *given, **named):
        fits.append(1)
        if len(fits) == 4:
            raise KeyboardInterrupt
        return fit(self, *given, **named)

    monkeypatch.setattr(module.Fitter, "fit", dies_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        choose_regularization("mlp", data, **arguments)
    resumed = choose_regularization("mlp", data, **arguments)
    assert len(fits) == 1 + 5 * 2
    for tier, losses in undisturbed.losses.items():
        np.testing.assert_array_equal(resumed.losses[tier], losses)
    with pytest.raises(ValueError, match="holds a race with other arguments"):
        choose_regularization("mlp", data, **{**arguments, "steps": 120})


def test_a_built_model_keeps_its_layers_and_its_weights(tmp_path, monkeypatch):
    data = zoo.load_data(noisy(), test=False)
    model = zoo.create_model(
        "mlp", data=data, regularization=Regularization(dropout=0.3), seed=0, units=(8,)
    )
    before = model.get_weights()
    seen = []
    choose = module.choose_regularization

    def spied(*given, **named):
        seen.append(choose(*given, **named))
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        return seen[0]

    monkeypatch.setattr(sys.modules["occam.zoo.training.train"], "choose_regularization", spied)
    run = zoo.train(
        model, data, regularization="auto", epochs=2, log_dir=tmp_path / "run", verbose=0
    )
    (race,) = seen
    assert {r.dropout for r in race.tiers.values()} == {0.3}
    assert len({r.weight_decay for r in race.tiers.values()}) == 4
    assert run.regularization == race.regularization
    assert (tmp_path / "run-race" / "candidate-3-0.npz").exists()


def test_auto_needs_data():
    with pytest.raises(ValueError, match=r"`data` .*'auto'"):
        zoo.create_model("mlp", input_shape=(5,), num_classes=2, regularization="auto")


def compiled(units, activation, loss):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(units, activation)])
    model.compile("adam", loss, metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    ("model", "has_score"),
    [
        (compiled(2, "softmax", "sparse_categorical_crossentropy"), True),
        (compiled(1, "sigmoid", "binary_crossentropy"), False),
    ],
)
def test_a_compiled_model_is_judged_by_its_own_loss(model, has_score):
    data = zoo.load_data(noisy(20), validation=noisy(30, seed=1), test=False)
    arguments = {"steps": 4, "verbose": 0, "tiers": {"none": Regularization()}}
    race = choose_regularization(model, data, **arguments)
    x, y = next(iter(data.validation.unbatch().batch(30).as_numpy_iterator()))
    assert np.isfinite(race.scores["none"]) == has_score
    zoo.train(model, data, steps=race.steps, patience=None, log_dir=None, verbose=0)
    loss, _ = model.evaluate(x, y, verbose=0)
    assert race.mean_loss("none") == pytest.approx(loss, rel=1e-4)


def test_a_compiled_model_needs_a_loss_of_single_samples():
    model = compiled(2, "softmax", lambda y, outputs: keras.ops.mean(outputs))
    data = zoo.load_data(noisy(20), test=False)
    with pytest.raises(ValueError, match="`model` must be compiled with one loss of Keras, to ju"):
        choose_regularization(model, data, verbose=0)


def test_a_model_that_is_not_compiled_must_return_logits():
    layers = [keras.Input((5,)), keras.layers.Dense(2, "softmax")]
    with pytest.raises(ValueError, match="must return logits: remove the activation from its last"):
        choose_regularization(keras.Sequential(layers), zoo.load_data(noisy(20), test=False))
