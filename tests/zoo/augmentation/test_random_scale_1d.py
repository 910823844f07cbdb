import numpy as np
import pytest

from occam.zoo.augmentation import RandomScale1D


def test_contract(check_augmentation):
    check_augmentation(RandomScale1D(0.3, seed=1), np.ones((7, 12, 2), "float32"))


def test_factors_are_uniform_and_one_for_each_series():
    scaled = np.asarray(RandomScale1D(0.4, seed=1)(np.ones((5000, 3, 2), "float32"), training=True))
    assert (np.ptp(scaled.reshape(5000, -1), axis=1) == 0).all()
    factors = scaled[:, 0, 0]
    assert factors.min() >= 0.6
    assert factors.max() <= 1.4
    assert abs(factors.mean() - 1) < 4 * 0.8 / np.sqrt(12 * 5000)
    assert factors.std() == pytest.approx(0.8 / np.sqrt(12), rel=0.03)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`factor` must be a number in \[0, 1\]"):
        RandomScale1D(1.1)
    with pytest.raises(ValueError, match=r"Received: shape \(2, 3\)"):
        RandomScale1D(0.1)(np.ones((2, 3)), training=True)
