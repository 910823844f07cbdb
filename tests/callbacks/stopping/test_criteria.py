import re

import pytest

from occam.callbacks.stopping import (
    GeneralizationLoss,
    Patience,
    SuccessiveIncreases,
    make_criterion,
)

NONE = {"patience": 0, "alpha": None, "strips": None, "strip_length": None}


@pytest.mark.parametrize(
    ("name", "given", "kind", "expected"),
    [
        ("patience", {"patience": 4}, Patience, {"epochs": 4}),
        ("gl", {}, GeneralizationLoss, {"alpha": 5.0}),
        ("gl", {"alpha": 2}, GeneralizationLoss, {"alpha": 2.0}),
        ("up", {}, SuccessiveIncreases, {"strips": 3, "strip_length": 5}),
        ("up", {"strips": 2, "strip_length": 1}, SuccessiveIncreases, {"strips": 2}),
    ],
)
def test_the_criterion_of_a_name(name, given, kind, expected):
    criterion = make_criterion(name, **{**NONE, **given})
    assert isinstance(criterion, kind)
    assert {key: getattr(criterion, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("pq", {}, "criterion must be 'patience', 'gl' or 'up'. Received: criterion='pq'"),
        ("gl", {"patience": 3}, "patience has no meaning for criterion='gl', which takes alpha."),
        ("up", {"alpha": 3}, "alpha has no meaning for criterion='up', which takes strips and"),
        ("patience", {"strips": 3}, "strips has no meaning for criterion='patience'"),
        ("gl", {"strip_length": 3}, "Received: strip_length=3"),
        ("gl", {"alpha": 0}, "alpha must be positive, in percent. Received: alpha=0"),
        ("gl", {"alpha": float("nan")}, "Received: alpha=nan"),
        ("up", {"strips": 0}, "strips must be an integer of at least 1. Received: strips=0"),
        ("up", {"strip_length": 1.5}, "Received: strip_length=1.5"),
    ],
)
def test_what_a_criterion_does_not_have_is_refused(name, given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make_criterion(name, **{**NONE, **given})


def stops_at(criterion, values, mode="min"):
    """The first index at which the criterion is met; None for a value stands for NaN."""
    best = None
    for index, value in enumerate(values):
        if value is None:
            criterion.miss()
        else:
            improved = best is None or (value < best if mode == "min" else value > best)
            best = value if improved else best
            criterion.observe(value, mode, improved=improved, counts=True)
        if criterion.met:
            return index
    return None


# GL by hand: 0, 0, 100 * 0.1 / 4 = 2.5, 100 * 0.3 / 4 = 7.5, 0, 100 * 0.3 / 3.9 = 7.69
ERRORS = [5.0, 4.0, 4.1, 4.3, 3.9, 4.2]


@pytest.mark.parametrize(("alpha", "index"), [(1, 2), (2.4, 2), (2.6, 3), (7.6, 5), (7.7, None)])
def test_generalization_loss_by_hand(alpha, index):
    assert stops_at(GeneralizationLoss(alpha), ERRORS) == index


def test_generalization_loss_where_higher_is_better():
    accuracy = [0.5, 0.8, 0.78, 0.75]  # 2.5%, 6.25%
    assert stops_at(GeneralizationLoss(5), accuracy, "max") == 3
    criterion = GeneralizationLoss(5)
    for value in accuracy:
        criterion.observe(value, "max", improved=False, counts=True)
    assert criterion.loss == pytest.approx(6.25)
    assert (
        criterion.reason("val_accuracy")
        == "val_accuracy is 6.25% worse than its best, more than 5%"
    )


def test_generalization_loss_of_negative_values_and_of_a_perfect_one():
    assert stops_at(GeneralizationLoss(5), [-10.0, -9.6, -9.4]) == 2
    assert stops_at(GeneralizationLoss(5), [0.0, 0.0, 1e-9]) == 2


def test_generalization_loss_knows_nothing_of_an_epoch_that_is_not_finite():
    criterion = GeneralizationLoss(5)
    assert stops_at(criterion, [1.0, None, 1.04, 2.0]) == 3


# The ends of strips of 2 epochs, at the odd indices: 4.0, 4.1, 4.2
UP = [5.0, 4.0, 9.0, 4.1, 1.0, 4.2]


@pytest.mark.parametrize(("strips", "index"), [(1, 3), (2, 5), (3, None)])
def test_successive_increases_by_hand(strips, index):
    assert stops_at(SuccessiveIncreases(strips, 2), UP) == index


def test_a_fall_between_increases_begins_the_count_anew():
    ends = [4.0, 4.1, 4.0, 4.05, 4.06]
    assert stops_at(SuccessiveIncreases(2, 1), ends) == 4
    assert stops_at(SuccessiveIncreases(2, 1), [4.0, 4.1, 4.1, 4.2, 4.2]) is None  # equal: no rise


def test_a_strip_that_ends_without_a_finite_value_is_worse():
    assert stops_at(SuccessiveIncreases(2, 1), [4.0, None, None]) == 2
    assert stops_at(SuccessiveIncreases(2, 1), [4.0, None, 3.0, 3.1, 3.2]) == 4
    assert stops_at(SuccessiveIncreases(1, 2), [4.0, 4.0, None, 3.0]) is None


def test_successive_decreases_where_higher_is_better():
    criterion = SuccessiveIncreases(2, 1)
    assert stops_at(criterion, [0.5, 0.6, 0.55, 0.54], "max") == 3
    assert criterion.reason("auc") == "auc got worse in 2 successive strips of 1 epoch"


@pytest.mark.parametrize(("epochs", "index"), [(0, 3), (1, 3), (2, 4), (3, None)])
def test_patience(epochs, index):
    assert stops_at(Patience(epochs), [3.0, 2.0, 1.0, 1.0, 2.0]) == index


def test_patience_counts_epochs_that_are_not_finite():
    assert stops_at(Patience(2), [3.0, None, 4.0]) == 2


def test_an_improvement_that_does_not_count_does_not_stop_and_does_not_reset():
    criterion = Patience(2)
    for _ in range(3):
        criterion.observe(1.0, "min", improved=True, counts=False)
        assert not criterion.met
    criterion.observe(1.0, "min", improved=False, counts=False)
    assert (criterion.wait, criterion.met) == (4, True)
