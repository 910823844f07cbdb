import numpy as np
import pytest

from occam.zoo.layers import GaussianNoise

SHAPES = [(200, 500), (200, 25, 20), (50, 10, 20, 10)]  # 100,000 elements each


def test_contract(check_layer):
    check_layer(GaussianNoise(0.3, seed=1), np.ones((8, 5, 3), "float32"))


def test_a_changed_stddev_is_live(check_live):
    check_live(GaussianNoise(0.0), "stddev", 1.0, np.ones((16, 8), "float32"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stddev", [0.1, 3.0])
def test_the_noise_has_mean_zero_and_the_stated_deviation(shape, stddev):
    x = np.full(shape, 2, "float32")
    noise = np.asarray(GaussianNoise(stddev, seed=2)(x, training=True)) - x
    assert abs(noise.mean()) <= 4 * stddev / np.sqrt(noise.size)
    assert abs(noise.std() - stddev) <= 4 * stddev / np.sqrt(2 * noise.size)


def test_inference_and_no_noise_are_exactly_the_identity():
    x = np.random.default_rng(0).normal(size=(4, 5, 6)).astype("float32")
    np.testing.assert_array_equal(GaussianNoise(0.5)(x), x)
    np.testing.assert_array_equal(GaussianNoise(0.0)(x, training=True), x)


@pytest.mark.parametrize("stddev", [-0.1, float("inf"), float("nan"), "1", None])
def test_a_stddev_out_of_range_is_refused(stddev):
    with pytest.raises(ValueError, match=r"`stddev` must be a number in \[0, inf\). Received: "):
        GaussianNoise(stddev)
