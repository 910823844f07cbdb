import math
import re

import pytest

from occam.callbacks import GeneralizationLoss, SuccessiveIncreases
from occam.callbacks.stopping.criteria import criterion_of

NAN = math.nan


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("gl", GeneralizationLoss, {"alpha": 5.0}),
        ("up", SuccessiveIncreases, {"strips": 3, "strip_length": 5}),
    ],
)
def test_shorthands(name, kind, expected):
    criterion = criterion_of(name)
    assert isinstance(criterion, kind)
    assert vars(criterion) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: criterion_of("pq"), "`criterion` must be 'patience', 'gl', 'up' or a criterion"),
        (lambda: criterion_of(GeneralizationLoss), "such as GeneralizationLoss(5). Received: "),
        (lambda: criterion_of(5), "Received: criterion=5"),
        (lambda: GeneralizationLoss(0), "`alpha` must be a number in (0, inf). Received: alpha=0"),
        (lambda: GeneralizationLoss(NAN), "Received: alpha=nan"),
        (lambda: SuccessiveIncreases(0), "`strips` must be an integer >= 1. Received: strips=0"),
        (lambda: SuccessiveIncreases(3, 1.5), "Received: strip_length=1.5"),
    ],
)
def test_invalid_criteria(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def stops_at(criterion, values, mode="min"):
    """Return the first index at which the criterion stops."""
    stops = (i for i in range(len(values)) if criterion(values[: i + 1], mode))
    return next(stops, None)


# GL by hand: 0, 0, 100 * 0.1 / 4 = 2.5, 100 * 0.3 / 4 = 7.5, 0, 100 * 0.3 / 3.9 = 7.69
ERRORS = [5.0, 4.0, 4.1, 4.3, 3.9, 4.2]


@pytest.mark.parametrize(("alpha", "index"), [(1, 2), (2.4, 2), (2.6, 3), (7.6, 5), (7.7, None)])
def test_generalization_loss_by_hand(alpha, index):
    assert stops_at(GeneralizationLoss(alpha), ERRORS) == index


@pytest.mark.parametrize(
    ("values", "mode", "index"),
    [
        ([0.5, 0.8, 0.78, 0.75], "max", 3),  # 2.5%, 6.25%
        ([-10.0, -9.6, -9.4], "min", 2),
        ([0.0, 0.0, 1e-9], "min", 2),
        ([1.0, NAN, 1.04, 2.0], "min", 3),
        ([NAN, NAN], "min", None),
    ],
)
def test_generalization_loss_of_accuracies_negative_values_zero_and_nan(values, mode, index):
    assert stops_at(GeneralizationLoss(5), values, mode) == index


def test_the_reason_of_the_generalization_loss():
    reason = GeneralizationLoss(5)([0.5, 0.8, 0.75], "max")
    assert reason == "is 6.25% worse than its best, more than 5%"


# The ends of strips of 2 epochs, at the odd indices: 4.0, 4.1, 4.2
UP = [5.0, 4.0, 9.0, 4.1, 1.0, 4.2]


@pytest.mark.parametrize(("strips", "index"), [(1, 3), (2, 5), (3, None)])
def test_successive_increases_by_hand(strips, index):
    assert stops_at(SuccessiveIncreases(strips, 2), UP) == index


@pytest.mark.parametrize(
    ("strips", "length", "values", "index"),
    [
        (2, 1, [4.0, 4.1, 4.0, 4.05, 4.06], 4),  # a fall restarts the count
        (2, 1, [4.0, 4.1, 4.1, 4.2, 4.2], None),  # equal values are not an increase
        (2, 1, [4.0, NAN, NAN], 2),  # a strip that ends with NaN got worse
        (2, 1, [4.0, NAN, 3.0, 3.1, 3.2], 4),
        (1, 2, [4.0, 4.0, NAN, 3.0], None),
    ],
)
def test_successive_increases_with_falls_and_nan(strips, length, values, index):
    assert stops_at(SuccessiveIncreases(strips, length), values) == index


def test_successive_decreases_where_higher_is_better():
    values = [0.5, 0.6, 0.55, 0.54]
    criterion = SuccessiveIncreases(2, 1)
    assert stops_at(criterion, values, "max") == 3
    assert criterion(values, "max") == "got worse in 2 successive strips of 1 epoch"
