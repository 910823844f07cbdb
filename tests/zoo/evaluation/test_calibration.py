import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from occam.core.calibration import calibration_bins, reliability_bins
from occam.zoo.evaluation import adaptive_calibration_error, brier_score
from occam.zoo.evaluation.calibration import calibration_figures

RANDOM = np.random.default_rng(0)
P = RANDOM.dirichlet(np.ones(4), size=200)
Y = RANDOM.integers(0, 4, 200)


def test_both_errors_by_hand():
    """Five events: bins of 1/15 hold {0.9, 0.9}, {0.7}, {0.5}, {0.2}."""
    probability = np.array([0.9, 0.9, 0.7, 0.5, 0.2])
    happened = np.array([1, 0, 1, 0, 0])
    found = calibration_figures(probability, happened)
    assert found["error"] == pytest.approx((0.8 + 0.3 + 0.5 + 0.2) / 5)
    # In two bins of equal mass, {0.2, 0.5, 0.7} and {0.9, 0.9}: gaps of 0.4 and 0.8.
    assert adaptive_calibration_error(probability, happened, bins=2) == pytest.approx(1.2 / 5)


def test_bins_of_events_are_those_of_classes():
    confidence, right = P.max(axis=1), P.argmax(axis=1) == Y
    for ours, theirs in zip(
        reliability_bins(confidence, right, 10), calibration_bins(P, Y, 10), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_the_adaptive_error_without_ties_is_that_of_sorted_groups():
    confidence, right = P.max(axis=1), P.argmax(axis=1) == Y
    order = np.argsort(confidence)
    groups = order.reshape(10, 20)
    gaps = np.abs(confidence[groups].mean(axis=1) - right[groups].mean(axis=1))
    found = adaptive_calibration_error(confidence, right, bins=10)
    assert found == pytest.approx(gaps.mean())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5, 1.0]), st.booleans()), min_size=1), st.data())
def test_the_order_of_rows_does_not_matter_even_with_ties(events, data):
    mixed = data.draw(st.permutations(events))
    first, second = (
        adaptive_calibration_error(*zip(*each, strict=True)) for each in (events, mixed)
    )
    assert first == pytest.approx(second, abs=1e-12)


def test_probabilities_that_are_frequencies_have_no_error():
    probability = np.repeat([0.25, 0.75], 40)
    happened = np.tile([1, 0, 0, 0], 10).tolist() + np.tile([1, 1, 1, 0], 10).tolist()
    found = calibration_figures(probability, np.array(happened))
    assert found == {"error": 0.0, "adaptive_error": 0.0}


def test_the_brier_score_is_that_of_scikit_learn():
    assert brier_score(P, Y) == pytest.approx(brier_score_loss(Y, P, scale_by_half=False))
    two = P[:, :2] / P[:, :2].sum(axis=1, keepdims=True)
    labels = Y % 2
    assert brier_score(two, labels) == pytest.approx(2 * brier_score_loss(labels, two[:, 1]))
    tags = RANDOM.integers(0, 2, P.shape)
    by_label = [brier_score_loss(tags[:, k], P[:, k]) for k in range(4)]
    assert brier_score(P, tags) == pytest.approx(np.mean(by_label))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5, 1.5], [0, 1]), r"`probability` must be numbers in \[0, 1\]"),
        (([0.5], [0, 1]), r"`happened` must be booleans of shape \(1,\)"),
        (([0.5], [1], 0), "`bins` must be an integer >= 1"),
        (([], []), "`probability` must be numbers"),
    ],
)
def test_wrong_events_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        adaptive_calibration_error(*arguments)


def test_wrong_targets_of_the_brier_score_are_refused():
    with pytest.raises(ValueError, match=r"`targets` must be class ids \(n,\)"):
        brier_score(P, Y[:3])


@pytest.mark.parametrize(
    ("p", "y", "expected"),
    [
        ([[0.5, 1.5]], [0], r"`probabilities` must be numbers in \[0, 1\]"),
        (np.zeros((0, 2)), np.zeros(0, int), r"`probabilities` must be numbers in \[0, 1\]"),
        ([[0.5, 0.5]], [-1], "`targets` must be class ids from 0 to 1"),
        ([[0.5, 0.5]], [[7, 0]], "`targets` must be zeros and ones"),
    ],
)
def test_a_brier_score_of_other_values_is_refused(p, y, expected):
    with pytest.raises(ValueError, match=expected):
        brier_score(p, y)
