import numpy as np
import pytest

from occam.zoo.layers import GaussianNoise

SHAPES = [(200, 500), (200, 25, 20), (50, 10, 20, 10)]  # 100,000 elements each


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stddev", [0.1, 3.0])
def test_the_noise_has_mean_zero_and_the_stated_deviation(shape, stddev):
    x = np.full(shape, 2, "float32")
    noise = np.asarray(GaussianNoise(stddev, seed=2)(x, training=True)) - x
    assert abs(noise.mean()) <= 4 * stddev / np.sqrt(noise.size)
    assert abs(noise.std() - stddev) <= 4 * stddev / np.sqrt(2 * noise.size)
