"""Coverage by statistics, sets and intervals by hand and by MAPIE."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapie.classification import SplitConformalClassifier
from mapie.regression import SplitConformalRegressor
from scipy.stats import betabinom
from sklearn.linear_model import LinearRegression, LogisticRegression

from occam.zoo.evaluation import conformal_threshold, prediction_sets
from occam.zoo.evaluation.conformal import judge_intervals, judge_sets

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(900, 3))
LABELS = (X @ [1.0, -1.0, 0.5] + RANDOM.gumbel(size=900) > 0.3).astype(int) + (X[:, 1] > 0.8)
VALUES = X @ [2.0, 1.0, 0.0] + RANDOM.normal(size=900)
TRAIN, KNOWN, NEW = slice(0, 300), slice(300, 500), slice(500, 900)


@pytest.fixture(scope="module")
def classifier():
    return LogisticRegression().fit(X[TRAIN], LABELS[TRAIN])


def test_the_threshold_is_the_stated_rank():
    scores = [0.3, 0.1, 0.5, 0.2, 0.4, 0.9, 0.8, 0.7, 0.6]
    assert conformal_threshold(scores, 0.8) == 0.8  # ceil(10 * 0.8) = 8th of 9
    assert conformal_threshold(scores, 0.75) == 0.8  # ceil(7.5) = 8th
    assert conformal_threshold(scores, 0.9) == 0.9  # 10 * 0.9 is 9, not 9.000000000000002
    np.testing.assert_array_equal(conformal_threshold(np.c_[scores, scores], 0.5), [0.5, 0.5])


def test_too_few_rows_are_refused_with_the_number_needed():
    with pytest.raises(
        ValueError, match=r"coverage of 0.9 needs at least 9 rows .* Received: 8 rows"
    ):
        conformal_threshold(np.arange(8), 0.9)


@pytest.mark.parametrize("coverage", [0.7, 0.9, 0.95])
def test_sets_are_those_of_mapie(classifier, coverage):
    theirs = SplitConformalClassifier(classifier, confidence_level=coverage)
    theirs.conformalize(X[KNOWN], LABELS[KNOWN])
    _, expected = theirs.predict_set(X[NEW])
    known, new = (classifier.predict_proba(X[rows]) for rows in (KNOWN, NEW))
    ours = prediction_sets((known, LABELS[KNOWN]), new, coverage)
    np.testing.assert_array_equal(ours, expected[:, :, 0])


@pytest.mark.parametrize("coverage", [0.7, 0.9, 0.95])
def test_intervals_are_those_of_mapie(coverage):
    model = LinearRegression().fit(X[TRAIN], VALUES[TRAIN])
    theirs = SplitConformalRegressor(model, confidence_level=coverage)
    theirs.conformalize(X[KNOWN], VALUES[KNOWN])
    _, ends = theirs.predict_interval(X[NEW])
    known, new = [(model.predict(X[rows])[:, None], VALUES[rows][:, None]) for rows in (KNOWN, NEW)]
    ours = judge_intervals(known, new, ("value",), coverage=coverage, calibrated_on="validation")
    np.testing.assert_allclose(2 * ours.thresholds[0], ends[:, 1, 0] - ends[:, 0, 0])
    inside = (VALUES[NEW] >= ends[:, 0, 0]) & (VALUES[NEW] <= ends[:, 1, 0])
    assert ours.coverage == ours.by_name["value"] == inside.mean()
    assert ours.size == pytest.approx(2 * ours.thresholds[0])


@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_sets_cover_new_rows_as_often_as_they_say(classifier, method, coverage):
    """Among m new rows, the number covered is beta-binomial, whatever the classifier."""
    known, new = (classifier.predict_proba(X[rows]) for rows in (KNOWN, NEW))
    how = {"coverage": coverage, "calibrated_on": "validation", "seed": 0}
    pairs = ((known, LABELS[KNOWN]), (new, LABELS[NEW]))
    found = judge_sets(*pairs, ("a", "b", "c"), method=method, **how)
    rank = int(np.ceil(round(201 * coverage, 9)))
    count = betabinom(400, rank, 201 - rank)
    assert count.ppf(0.001) <= found.coverage * 400 <= count.ppf(0.999)
    shares = np.bincount(LABELS[NEW]) / 400
    assert found.coverage == pytest.approx(shares @ [*found.by_name.values()])
    sets = prediction_sets(pairs[0], new, coverage, method=method)
    assert found.size == sets.sum(axis=1).mean()
    assert found.empty == (~sets.any(axis=1)).mean()


def test_adaptive_scores_by_hand():
    """Nine rows with all mass on the true class: their scores are u, uniform in [0, 1]."""
    sure = np.tile([1.0, 0.0, 0.0], (9, 1))
    labels = np.zeros(9, int)
    generator = np.random.default_rng(5)
    threshold = generator.uniform(size=(9, 1)).max()  # the 9th of 9, for a coverage of 0.9
    drawn = generator.uniform(size=(2, 1))
    new = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    found = prediction_sets((sure, labels), new, 0.9, method="aps", seed=5)
    scores = np.array(
        [
            [0.8 + 0.2 * drawn[0, 0], 0.5 * drawn[0, 0], 0.5 + 0.3 * drawn[0, 0]],
            [0.8 + 0.1 * drawn[1, 0], 0.9 + 0.1 * drawn[1, 0], 0.8 * drawn[1, 0]],
        ]
    )
    np.testing.assert_array_equal(found, scores <= threshold)


def test_adaptive_sets_cover_the_hard_class_better():
    """The claim of Romano et al.: one row of ten is hard."""
    generator = np.random.default_rng(1)
    n = 6000
    hard = generator.random(n) < 0.1
    p = np.where(hard[:, None], [0.4, 0.3, 0.3], [0.97, 0.02, 0.01])
    labels = (p.cumsum(axis=1) < generator.random((n, 1))).sum(axis=1)
    half = n // 2
    rows = {}
    for method in ("lac", "aps"):
        sets = prediction_sets((p[:half], labels[:half]), p[half:], 0.9, method=method)
        covered = sets[np.arange(half), labels[half:]]
        rows[method] = covered[hard[half:]].mean()
    assert rows["aps"] > rows["lac"] + 0.2
    # About 300 hard rows; the true coverage of "aps" is near 0.9 on them: 4 standard errors.
    assert rows["aps"] > 0.9 - 4 * np.sqrt(0.9 * 0.1 / 300)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 0.9), st.floats(0.1, 0.9), st.sampled_from(["lac", "aps"]))
def test_sets_grow_with_the_coverage(first, second, method):
    low, high = sorted((first, second))
    p = np.random.default_rng(0).dirichlet(np.ones(3), size=60)
    labels = p.cumsum(axis=1)[:, 0].round().astype(int)
    small, large = (prediction_sets((p, labels), p, c, method=method, seed=1) for c in (low, high))
    assert not (small & ~large).any()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (((X, LABELS), X), {"method": "raps"}, "`method` must be one of 'lac', 'aps'"),
        (((X, VALUES), X), {}, r"`calibration` must be probabilities \(n, classes\) and class ids"),
        (((X, LABELS), X[:, :2]), {}, r"`probabilities` must be of shape \(m, 3\)"),
        (((X, LABELS), X, 1.0), {}, r"`coverage` must be a number in \(0, 1\)"),
    ],
)
def test_wrong_arguments_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        prediction_sets(*arguments, **options)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_no_class_is_refused(label):
    p = np.tile([0.6, 0.3, 0.1], (9, 1))
    with pytest.raises(ValueError, match=r"class ids .* from 0 to classes - 1"):
        prediction_sets((p, [label, *[0] * 8]), p)


def test_logits_are_no_probabilities():
    p = np.tile([0.6, 0.3, 0.1], (9, 1))
    with pytest.raises(ValueError, match=r"`probabilities` must be numbers in \[0, 1\]"):
        prediction_sets((p, [0] * 9), 10 * p - 5)


def test_the_rows_that_a_coverage_needs_are_said_at_once():
    with pytest.raises(ValueError, match="needs at least 999,999 rows"):
        conformal_threshold([1.0], 0.999999)


def test_the_calibration_is_a_pair():
    with pytest.raises(ValueError, match="`calibration` must be a pair of probabilities and class"):
        prediction_sets((np.ones((9, 1)),), np.ones((2, 1)))


def test_scores_have_at_most_two_axes():
    with pytest.raises(ValueError, match=r"`scores` must be numbers of shape \(n,\) or \(n, targ"):
        conformal_threshold(np.zeros((20, 2, 2)), 0.9)
