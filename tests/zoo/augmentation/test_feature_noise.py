import numpy as np
import pytest

from occam.zoo.augmentation import FeatureNoise


@pytest.mark.parametrize("shape", [(7, 5), (7, 6, 2), (7, 4, 5, 3)])
def test_contract(check_augmentation, shape):
    check_augmentation(FeatureNoise(0.3, seed=1), np.ones(shape, "float32"))


def test_the_noise_has_its_standard_deviation_and_no_mean():
    noise = np.asarray(FeatureNoise(0.5, seed=1)(np.full((200, 100), 3.0), training=True)) - 3
    assert abs(noise.mean()) < 4 * 0.5 / np.sqrt(20_000)
    assert noise.std() == pytest.approx(0.5, rel=0.02)


def test_a_negative_strength_is_refused():
    with pytest.raises(ValueError, match=r"`stddev` must be a number in \[0, inf\)"):
        FeatureNoise(-0.1)
