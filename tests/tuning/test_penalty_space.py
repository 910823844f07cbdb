import keras
import keras_tuner
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occam import zoo
from occam.tuning import PenaltySpace, Tuner
from occam.zoo.regularization import Choice, Regularization

FIELDS = tuple(Regularization.fields())


@given(st.lists(st.sampled_from(FIELDS), min_size=1, unique=True), st.integers(1, 1000))
def test_every_sample_is_in_the_search_ranges(fields, seed):
    space, hp = PenaltySpace(fields), keras_tuner.HyperParameters()
    space(hp)
    hp.values = {each.name: each.random_sample(seed + i) for i, each in enumerate(hp.space)}
    regularization = space(hp)
    for name in FIELDS:
        value, field = getattr(regularization, name), Regularization.fields()[name]
        if not (name in fields and hp.values[f"{name} on"]):
            assert value == field.off
        elif isinstance(field, Choice):
            assert value in field.options
        else:
            low, high = field.search
            assert low <= value <= high * (1 + 1e-9)


@pytest.mark.parametrize("regularization", [Regularization(), zoo.preset("mlp", "strong")])
def test_the_defaults_are_the_values_around_which_to_search(regularization):
    space = PenaltySpace(["l2", "dropout", "augmentation"], around=regularization)
    hp = keras_tuner.HyperParameters()
    assert space(hp) == regularization
    assert hp.values == space.values(regularization)


def test_a_default_out_of_the_search_range_extends_it():
    hp = keras_tuner.HyperParameters()
    assert PenaltySpace(["l2"], around=Regularization(l2=0.5))(hp).l2 == 0.5
    assert (hp.space[1].min_value, hp.space[1].max_value) == (1e-6, 0.5)


def test_values_are_conditional_on_the_switch():
    hp = keras_tuner.HyperParameters()
    PenaltySpace(["l2"])(hp)
    switch, value = hp.space
    assert (switch.name, value.name, value.sampling) == ("l2 on", "l2", "log")
    assert value.conditions[0].name == "l2 on"


def test_the_regularization_of_a_model_of_a_user_is_searched(tmp_path):
    space = PenaltySpace(["l2"], around=Regularization(l2=1e-3))

    def build(hp):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
        model, _ = zoo.regularize(model, space(hp))
        model.compile("sgd", "mse")
        return model

    x, y = np.ones((8, 2)), np.ones((8, 1))
    tuner = Tuner(build, max_trials=3, directory=tmp_path)
    tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0)
    for trial in tuner.oracle.trials.values():
        penalty = tuner.executions(trial.trial_id)[0].metrics["val_penalty"]
        assert (penalty > 0) == trial.hyperparameters["l2 on"]
    assert tuner.table().l2.iloc[0] == 1e-3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("l2", "depth"), "`fields` must be among the supported fields, l1, .* Received: depth"),
        ((), r"`fields` must be one or more fields, each once. Received: fields=\(\)"),
        (("l2", "l2"), r"each once. Received: fields=\('l2', 'l2'\)"),
        ("l2", "`fields` must be a list of fields of the regularization. Received: fields='l2'"),
    ],
)
def test_errors(fields, message):
    with pytest.raises(ValueError, match=message):
        PenaltySpace(fields)


def test_another_hyperparameter_of_the_same_name_is_refused():
    hp = keras_tuner.HyperParameters()
    space = PenaltySpace(["l2"])
    space(hp)
    assert space(hp) == Regularization()  # its own are no others
    other = keras_tuner.HyperParameters()
    other.Choice("l2", [0.1, 0.2])
    with pytest.raises(ValueError, match="`hp` must have no other hyperparameter 'l2'"):
        space(other)
