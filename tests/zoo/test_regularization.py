import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occam.zoo import Regularization, regularizers
from occam.zoo.regularization import Choice, Strength

FIELDS = Regularization.fields()


NUMBERS = {name: s for name, s in FIELDS.items() if isinstance(s, Strength)}
CHOICES = {name: s for name, s in FIELDS.items() if isinstance(s, Choice)}


def values():
    """A strategy of the arguments of `Regularization`, each in its range."""
    numbers = {
        name: st.floats(0, min(s.below, 1e6), exclude_max=True) for name, s in NUMBERS.items()
    }
    words = {name: st.sampled_from((s.off, *s.options)) for name, s in CHOICES.items()}
    return st.fixed_dictionaries({}, optional={**numbers, **words})


def test_everything_is_off_by_default():
    assert Regularization().on() == {}
    assert set(Regularization().to_dict()) == {
        *("l1", "l2", "group_lasso", "orthogonal", "hoyer", "activity_l1", "activity_l2"),
        *("weight_decay", "max_norm", "sam_rho"),
        *("dropout", "spatial_dropout", "drop_block", "drop_connect", "stochastic_depth", "noise"),
        *("augmentation", "mixup", "cutmix", "label_smoothing"),
    }


def test_repr_shows_the_fields_that_are_on():
    assert repr(Regularization(l2=1e-4, dropout=0.2)) == "Regularization(l2=0.0001, dropout=0.2)"
    assert repr(Regularization(augmentation="light")) == "Regularization(augmentation='light')"
    assert repr(Regularization()) == "Regularization()"


@given(values())
def test_json_round_trip_is_exact(given):
    regularization = Regularization(**given)
    assert Regularization.from_json(regularization.to_json()) == regularization
    assert all(f"{name}=" in repr(regularization) for name in regularization.on())


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-1e-9, math.nan, math.inf, "0.1", None, True])
def test_bad_values_name_field_range_and_value(name, value):
    with pytest.raises(
        ValueError, match=rf"^`{name}` must be a number in \[0, .*Received: {name}="
    ):
        Regularization(**{name: value})


@pytest.mark.parametrize("name", ["dropout", "stochastic_depth", "label_smoothing"])
def test_a_rate_of_one_is_out_of_range(name):
    with pytest.raises(ValueError, match=rf"in \[0, 1\). Received: {name}=1.0"):
        Regularization(**{name: 1.0})


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("value", ["heavy", 1, None, True])
def test_a_wrong_choice_names_field_options_and_value(name, value):
    options = ", ".join(map(repr, CHOICES[name].options))
    message = rf"`{name}` must be one of 'none', {options}. Received: {name}="
    with pytest.raises(ValueError, match=message):
        Regularization(**{name: value})


def test_replace_and_unknown_fields():
    assert Regularization(l2=1e-3).replace(l2=0, noise=0.1) == Regularization(noise=0.1)
    with pytest.raises(ValueError, match=r"no field 'L2'. Its fields: l1, l2, "):
        Regularization().replace(L2=1e-3)
    with pytest.raises(ValueError, match="must be a JSON object"):
        Regularization.from_json("[1]")


def test_is_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Regularization().l2 = 1.0  # type: ignore[misc]


def test_parts_for_model_and_training_are_complementary():
    full = Regularization(**{name: s.weakest for name, s in FIELDS.items()})
    model, training = full.only("model"), full.only("training")
    assert set(training.on()) == {
        *("weight_decay", "sam_rho", "augmentation", "mixup", "cutmix", "label_smoothing")
    }
    assert {**model.on(), **training.on()} == full.on()


@pytest.mark.parametrize("where", ["kernels", "activations"])
def test_the_declaration_of_a_penalty_is_enough_to_make_it(where):
    assert Regularization.penalties(where)
    for name, declared in Regularization.penalties(where).items():
        penalty = regularizers.penalty_of(Regularization(**{name: declared.middle}), where, units=0)
        config = penalty.get_config()
        assert config[declared.argument] == declared.middle
        assert config.items() >= dict(declared.options).items()
        assert config.get("axis", 0) == 0


def test_penalties_of_several_fields_are_added_up_and_nothing_is_none():
    penalty = regularizers.penalty_of(Regularization(l1=0.1, l2=0.2, hoyer=0.3, dropout=0.5))
    assert [term.get_config() for term in penalty.terms] == [
        {"l1": 0.1, "l2": 0.2},
        {"factor": 0.3},
    ]
    assert regularizers.penalty_of(Regularization(activity_l1=0.1, dropout=0.5)) is None


def test_amount_counts_off_small_and_large():
    low, high = FIELDS["l2"].search
    assert Regularization().amount() == 0
    assert Regularization(l2=low).amount() == pytest.approx(0.5)
    assert Regularization(l2=math.sqrt(low * high)).amount() == pytest.approx(0.75)
    assert Regularization(l2=high).amount() == pytest.approx(1.0)
    assert Regularization(l2=high, dropout=0.6).amount(("l2",)) == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "strength"), NUMBERS.items())
def test_search_ranges_are_valid(name, strength):
    low, high = strength.search
    assert 0 < low < strength.middle < high < strength.below
    Regularization(**{name: high})


@pytest.mark.parametrize(("name", "strength"), FIELDS.items())
def test_every_field_is_ordered_and_referenced(name, strength):
    assert strength.position(strength.off) == 0
    assert 0.5 == strength.position(strength.weakest) < strength.position(strength.middle) < 1
    assert strength.reference.count(",") >= 2
    assert "https://" in strength.reference
