import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from occam.zoo.evaluation import detect_outliers, energy

SCORES = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=30)


@settings(max_examples=50, deadline=None)
@given(SCORES, SCORES)
def test_the_auroc_is_that_of_scikit_learn_with_ties(inliers, outliers):
    truth = np.repeat([1, 0], [len(inliers), len(outliers)])
    expected = roc_auc_score(truth, inliers + outliers)
    assert detect_outliers(inliers, outliers).auroc.value == pytest.approx(expected)


def test_the_false_positive_rate_is_where_95_of_100_are_found():
    generator = np.random.default_rng(0)
    inliers, outliers = generator.normal(1.5, size=1000), generator.normal(size=500)
    truth = np.repeat([1, 0], [1000, 500])
    false, true, _ = roc_curve(truth, np.concatenate([inliers, outliers]), drop_intermediate=False)
    found = detect_outliers(inliers, outliers, resamples=200)
    assert found.fpr95.value == false[np.argmax(true >= 0.95)]
    # For normal scores the share is 1 - Phi(1.5 - 1.645) = 0.56.
    assert found.fpr95.low < 0.557 < found.fpr95.high
    assert found.auroc.low < 0.8556 < found.auroc.high  # Phi(1.5 / sqrt(2))


def test_the_energy_is_the_logarithm_of_the_sum():
    z = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(energy(z), np.log(np.exp(z).sum(axis=1)))
    np.testing.assert_allclose(energy(z + 1000), energy(z) + 1000)


def test_missing_scores_are_refused():
    with pytest.raises(ValueError, match="`inliers` must be numbers"):
        detect_outliers([], [1.0])
    with pytest.raises(ValueError, match="`outliers` must be numbers"):
        detect_outliers([1.0], [np.nan])


@pytest.mark.parametrize("logits", [[[np.nan, 0.0]], [0.0, 1.0]])
def test_the_energy_needs_finite_logits_of_rows(logits):
    with pytest.raises(
        ValueError, match=r"`logits` must be finite numbers of shape \(n, classes\)"
    ):
        energy(logits)
