import itertools

import numpy as np
import pytest

from occam.zoo import risk_coverage


def test_the_curve_is_the_risk_of_the_most_confident_rows():
    generator = np.random.default_rng(0)
    confidence, correct = generator.random(50), generator.random(50) < 0.7
    curve = risk_coverage(confidence, correct)
    for k in range(1, 51):
        answered = np.argsort(-confidence)[:k]
        assert curve.risk[k - 1] == pytest.approx(1 - correct[answered].mean())
        assert curve.coverage[k - 1] == pytest.approx(k / 50)
    assert curve.aurc == pytest.approx(curve.risk.mean())


def test_ties_come_in_any_order():
    confidence, correct = np.array([0.9, 0.5, 0.5, 0.5, 0.1]), np.array([1, 0, 1, 1, 0])
    areas = []
    for order in itertools.permutations(range(5)):
        ranked = sorted(order, key=lambda row: -confidence[row])  # keeps the order of ties
        areas.append(np.mean(np.cumsum(1 - correct[ranked]) / np.arange(1, 6)))
    assert risk_coverage(confidence, correct).aurc == pytest.approx(np.mean(areas))


def test_the_best_order_puts_all_mistakes_last():
    curve = risk_coverage([0.1, 0.9, 0.8, 0.2], [False, True, True, False])
    assert curve.aurc == curve.best_aurc == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert curve.excess_aurc == 0
    assert risk_coverage([0.9, 0.1], [False, True]).excess_aurc == pytest.approx(0.5)


def test_a_perfect_model_has_no_risk():
    assert risk_coverage(np.arange(5), np.ones(5)).aurc == 0


@pytest.mark.parametrize(
    ("confidence", "correct", "message"),
    [
        ([], [], "`confidence` must be numbers of shape"),
        ([np.nan], [True], "`confidence` must be numbers of shape"),
        ([0.5], [True, False], r"`correct` must be booleans of shape \(1,\)"),
        ([0.5], [0.3], "`correct` must be booleans"),
    ],
)
def test_wrong_arrays_are_refused(confidence, correct, message):
    with pytest.raises(ValueError, match=message):
        risk_coverage(confidence, correct)
