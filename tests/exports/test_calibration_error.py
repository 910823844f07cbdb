import numpy as np
import pytest

from occam import exports


def test_it_is_the_sum_over_bins_of_the_definition():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), size=300)
    labels = generator.integers(0, 4, 300)
    confidence, guess = probabilities.max(axis=-1), probabilities.argmax(axis=-1)
    expected = 0.0
    for m in range(1, 16):
        inside = (confidence > (m - 1) / 15) & (confidence <= m / 15)
        if inside.any():
            gap = np.mean(guess[inside] == labels[inside]) - confidence[inside].mean()
            expected += inside.sum() / 300 * abs(gap)
    assert exports.expected_calibration_error(probabilities, labels) == pytest.approx(expected)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    rows = [[0.5, 0.5], [0.75, 0.25]]
    # One bin (0, 0.5] with a gap of 0.5, one (0.5, 1] with a gap of -0.75.
    assert exports.expected_calibration_error(rows, [0, 1], bins=2) == pytest.approx(0.625)


def test_who_is_always_sure_and_right_has_none():
    assert exports.expected_calibration_error(np.eye(3), [0, 1, 2]) == 0


def test_bins_are_one_or_more():
    with pytest.raises(ValueError, match=r"bins must be an integer >= 1\. Received: bins=0"):
        exports.expected_calibration_error(np.eye(3), [0, 1, 2], bins=0)
