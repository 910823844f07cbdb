"""Conformal risk control for independent labels: by hand, by MAPIE, by statistics."""

import numpy as np
import pytest
from mapie.risk_control import MultiLabelClassificationController

from occam.zoo.evaluation import label_sets
from occam.zoo.evaluation.label_sets import judge_label_sets


def draw(rows, seed):
    """Probabilities of 4 labels and labels that are drawn from other ones."""
    generator = np.random.default_rng(seed)
    z = generator.normal(size=(rows, 4)) * 1.5
    noise = generator.logistic(size=(rows, 4))
    return 1 / (1 + np.exp(-z)), (z + noise > 0.3).astype(int)


def threshold_of(pair, coverage):
    fitted = judge_label_sets(pair, pair, ("a", "b", "c", "d"), coverage=coverage, calibrated_on="")
    return fitted.thresholds[0]


def test_sets_by_hand():
    """Losses of three rows: 2 true labels, 1 and none; (sum + 1) / 4 is to be at most 1 - c."""
    p = [[0.9, 0.5, 0.2], [0.1, 0.6, 0.4], [0.3, 0.2, 0.1]]
    y = [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    new = [[0.5, 0.55, 0.61], [0.9, 0.95, 0.4]]
    for coverage, expected in (
        (0.75, [[True, True, True], [True, True, False]]),  # no loss is allowed: t = 0.5
        (0.62, [[False, False, True], [True, True, False]]),  # 0.5, of 0.5 in the first: t = 0.6
        (0.37, [[False, False, False], [True, True, False]]),  # 1.5, of 0.6 as well: t = 0.9
    ):
        assert label_sets((p, y), new, coverage).tolist() == expected, coverage


def test_equal_probabilities_are_missed_together():
    p, y = np.full((9, 1), 0.5), np.ones((9, 1))
    assert label_sets((p, y), [[0.5], [0.4]], 0.5).tolist() == [[True], [False]]


def test_without_true_labels_only_certain_ones_are_in_the_set():
    p = np.full((9, 2), 0.5)
    assert label_sets((p, 0 * p), [[0.99, 1.0]], 0.9).tolist() == [[False, True]]


@pytest.mark.parametrize("coverage", [0.7, 0.9, 0.95])
def test_the_threshold_is_that_of_mapie(coverage):
    """MAPIE searches a grid, and its sets have the labels above the threshold, not those at it."""
    p, y = draw(400, 0)
    some = y.any(axis=1)  # MAPIE refuses rows without a true label
    p, y = p[some], y[some]
    theirs = MultiLabelClassificationController(
        predict_function=lambda x: p[x.ravel()],
        risk="recall",
        method="crc",
        target_level=coverage,
        predict_params=np.arange(0, 1, 0.001),
    )
    theirs.calibrate(np.arange(len(p))[:, None], y)
    ours = threshold_of((p, y), coverage)
    grid = float(np.squeeze(theirs.best_predict_param))
    assert grid < ours <= grid + 0.001 + 1e-12


def test_the_expected_share_of_missed_labels_is_controlled():
    """Over many calibration sets, between 1 - coverage - 2 / (n + 1) and 1 - coverage."""
    coverage, n = 0.8, 30
    p, y = draw(600 * (n + 20), 1)
    calibrations = zip(*(np.split(each[: 600 * n], 600) for each in (p, y)), strict=True)
    p, y = p[600 * n :], y[600 * n :]
    missed = []
    for number, pair in enumerate(calibrations):
        rows = slice(20 * number, 20 * number + 20)
        sets = label_sets(pair, p[rows], coverage)
        true = y[rows] > 0
        each = (true & ~sets).sum(axis=1) / np.maximum(true.sum(axis=1), 1)
        missed.append(each.mean())
    error = np.std(missed) / np.sqrt(len(missed))  # the 600 repetitions are independent
    assert 1 - coverage - 2 / (n + 1) - 4 * error <= np.mean(missed) <= 1 - coverage + 4 * error


@pytest.mark.parametrize(
    ("calibration", "new", "coverage", "message"),
    [
        (draw(8, 0), [[0.5] * 4], 0.9, "coverage of 0.9 needs at least 9 rows"),
        (draw(9, 0), [[0.5] * 3], 0.9, r"`probabilities` must be of shape \(m, 4\)"),
        (draw(9, 0), [[1.5] * 4], 0.9, r"`probabilities` must be numbers in \[0, 1\]"),
        (draw(9, 0), [["a"] * 4], 0.9, r"`probabilities` must be numbers in \[0, 1\]"),
        (draw(9, 0)[::-1], [[0.5] * 4], 0.9, "zeros and ones of the same shape"),
        ((np.zeros((9, 4)), np.zeros(9)), [[0.5] * 4], 0.9, "zeros and ones of the same shape"),
        (draw(9, 0), [[0.5] * 4], 1.0, r"`coverage` must be a number in \(0, 1\)"),
    ],
)
def test_wrong_arguments_are_refused(calibration, new, coverage, message):
    with pytest.raises(ValueError, match=message):
        label_sets(calibration, new, coverage)


def test_the_calibration_is_a_pair():
    with pytest.raises(
        ValueError, match="`calibration` must be a pair of probabilities and labels"
    ):
        label_sets((np.ones((9, 2)),), np.ones((2, 2)))
