import numpy as np
import pytest

from occam.zoo.augmentation.beta import symmetric_beta
from occam.zoo.augmentation.draws import Draws

N = 40_000


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 4.0])
def test_mean_and_variance_are_those_of_the_distribution(alpha):
    ratio = np.asarray(symmetric_beta(alpha, (N,), Draws(1)))
    variance = 1 / (4 * (2 * alpha + 1))
    assert np.isfinite(ratio).all()
    assert abs(ratio.mean() - 0.5) < 4 * np.sqrt(variance / N)
    assert ratio.var() == pytest.approx(variance, rel=0.03)


def test_one_parameter_is_uniform():
    ratio = np.sort(np.asarray(symmetric_beta(1.0, (N,), Draws(2))))
    distance = np.abs(ratio - (np.arange(N) + 0.5) / N).max()
    assert distance < 1.95 / np.sqrt(N)  # Kolmogorov-Smirnov at 0.1 %


def test_zero_mixes_nothing():
    np.testing.assert_array_equal(symmetric_beta(0.0, (5,), Draws(3)), np.ones(5))
