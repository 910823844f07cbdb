import numpy as np
import pytest

from occam.core.calibration import calibration_bins, expected_calibration_error

P = np.array([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.65, 0.35]])
LABELS = np.array([0, 0, 0, 1])  # two of two right at 0.95, one of two at 0.65


def test_the_calibration_error_by_hand():
    error = expected_calibration_error(P, LABELS, 10)
    assert error == pytest.approx(0.5 * 0.05 + 0.5 * 0.15)


def test_the_upper_end_of_a_bin_belongs_to_it():
    counts, accuracy, confidence = calibration_bins(np.array([[0.5, 0.5], [0.0, 1.0]]), [0, 0], 2)
    assert counts.tolist() == [1, 1]
    assert accuracy.tolist() == [1.0, 0.0]
    assert confidence.tolist() == [0.5, 1.0]
