"""Paired differences against their equations, and Holm's correction against statsmodels."""

import math

import numpy as np
import pytest
from scipy import stats

from occam.zoo.comparison import Difference, holm, paired_difference


@pytest.mark.parametrize(("pairs", "confidence"), [(2, 0.95), (5, 0.95), (5, 0.99), (30, 0.8)])
def test_interval_and_p_are_those_of_students_t(pairs, confidence):
    rng = np.random.default_rng(pairs)
    theirs = rng.normal(0.7, 0.05, pairs)
    ours = theirs + rng.normal(0.02, 0.02, pairs)
    found = paired_difference(ours, theirs, confidence=confidence)
    mean, error = np.mean(ours - theirs), stats.sem(ours - theirs)
    margin = stats.t.ppf((1 + confidence) / 2, pairs - 1) * error
    assert found.pairs == pairs
    assert found.mean == pytest.approx(mean)
    assert found.error == pytest.approx(error)
    assert (found.low, found.high) == pytest.approx((mean - margin, mean + margin))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(mean) / error, pairs - 1))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    trials, hits = 2000, 0
    for _ in range(trials):
        common = rng.normal(size=4)
        found = paired_difference(common + rng.normal(1, 0.3, 4), common, confidence=0.9)
        hits += found.low <= 1 <= found.high
    assert abs(hits / trials - 0.9) < 4 * math.sqrt(0.9 * 0.1 / trials)  # 4 standard errors


def test_too_few_pairs_have_no_interval():
    assert paired_difference([], []) == Difference(0)
    found = paired_difference([0.9], [0.7])
    assert found.mean == pytest.approx(0.2)
    assert (found.error, found.low, found.high, found.p) == (None,) * 4


@pytest.mark.parametrize("difference", [0.0, 0.1, -1 / 3])
def test_the_same_difference_in_all_pairs_has_no_interval(difference):
    theirs = np.array([0.7, 0.75, 0.8])  # 0.7 + 0.1 - 0.7 is not 0.1
    found = paired_difference(theirs + difference, theirs)
    assert found.mean == pytest.approx(difference, abs=1e-12)
    assert (found.error, found.low, found.high, found.p) == (0.0, None, None, None)


def test_values_without_a_partner_and_a_confidence_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`theirs` must be 2 values, one for each of `ours`"):
        paired_difference([1.0, 2.0], [1.0])
    for wrong in ([1.0, np.nan], [[1.0, 2.0]], ["a", "b"], 1.0):
        with pytest.raises(ValueError, match=r"`theirs` must be finite numbers \(n,\)"):
            paired_difference([1.0, 2.0], wrong)
    for wrong in ([0.1, np.nan], [[0.1]], [-0.1], [1.5], ["0.1"]):
        with pytest.raises(ValueError, match=r"`p_values` must be numbers in \[0, 1\] of shape"):
            holm(wrong)
    with pytest.raises(ValueError, match=r"`confidence` must be a number in \(0, 1\)"):
        paired_difference([1.0, 2.0], [1.0, 3.0], confidence=95)


@pytest.mark.parametrize("tests", [1, 2, 5, 20])
def test_holm_is_that_of_statsmodels(tests):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(tests)
    for _ in range(2):  # statsmodels collects garbage, which takes a while
        p_values = rng.choice([*rng.uniform(0, 0.1, 10), 0.0, 0.02, 1.0], tests)  # with ties
        expected = multitest.multipletests(p_values, method="holm")[1]
        np.testing.assert_allclose(holm(p_values), expected, rtol=1e-12, atol=0)


def test_holm_by_hand():
    assert holm([]) == []
    assert holm([0.02]) == [0.02]
    # 3 * 0.01, max(0.03, 2 * 0.011), max(0.03, 0.5)
    assert holm([0.5, 0.011, 0.01]) == pytest.approx([0.5, 0.03, 0.03])
