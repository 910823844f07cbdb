import pytest
from hypothesis import given
from hypothesis import strategies as st

from occam.tuning.space import candidate_of, check_space, hyperparameters
from occam.zoo.regularization import Choice, Regularization

FIELDS = tuple(Regularization.fields())


@given(st.lists(st.sampled_from(FIELDS), min_size=1, unique=True), st.integers(1, 1000))
def test_every_sample_is_a_candidate_in_its_search_ranges(space, seed):
    values = {}
    for parameter in hyperparameters(space).space:
        values[parameter.name] = parameter.random_sample(seed)
    regularization = candidate_of(values, space, Regularization())
    for name in FIELDS:
        value, strength = getattr(regularization, name), Regularization.fields()[name]
        if not (name in space and values[f"{name} on"]):
            assert value == strength.off
        elif isinstance(strength, Choice):
            assert value in strength.options
        else:
            low, high = strength.search
            assert low <= value <= high * (1 + 1e-9)


def test_values_are_conditional_on_the_switch():
    switch, value = hyperparameters(["l2"]).space
    assert (switch.name, value.name) == ("l2 on", "l2")
    assert value.conditions[0].name == "l2 on"
    assert value.sampling == "log"


def test_fields_that_are_not_searched_come_from_the_base():
    base = Regularization(l2=1.0, dropout=0.1)
    assert candidate_of({"l2 on": False, "l2": None}, ["l2"], base) == Regularization(dropout=0.1)
    assert candidate_of({"l2 on": True, "l2": 0.5}, ["l2"], base).l2 == 0.5


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (("l2", "depth"), "that the model supports, l2, noise. Received: depth"),
        ((), r"`space` must be one or more fields, each once. Received: space=\(\)"),
        (("l2", "l2"), r"each once. Received: space=\('l2', 'l2'\)"),
    ],
)
def test_errors(space, message):
    with pytest.raises(ValueError, match=message):
        check_space(space, ("l2", "noise"))
