"""The base class of all augmentation layers, and the simplest of them."""

import numpy as np
import pytest

from occam.zoo.augmentation import FeatureNoise, Mix, RandomErasing
from occam.zoo.augmentation.augmentation import Augmentation

X = np.zeros((100, 100), "float32")


def test_layers_of_one_seed_draw_differently():
    one, other = (np.asarray(FeatureNoise(1.0, seed=1)(X, training=True)) for _ in range(2))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / 100


def test_a_seed_in_the_call_leaves_the_counter_of_the_layer_unchanged():
    layer = FeatureNoise(1.0, seed=1, name="noise")
    layer(X, training=True, seed=3)
    layer(X, training=False)
    first = FeatureNoise(1.0, seed=1, name="noise")(X, training=True)
    np.testing.assert_array_equal(layer(X, training=True), first)


def test_a_subclass_must_define_augment():
    with pytest.raises(NotImplementedError, match="Augmentation defines no `augment`"):
        Augmentation()(X, training=True)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "1", True, None])
def test_a_probability_out_of_range_is_refused(value):
    layer = RandomErasing(1)
    with pytest.raises(ValueError, match=r"`probability` must be a number in \[0, 1\]. Received"):
        layer.probability = value
    assert layer.probability == 1


def test_strengths_read_as_they_were_set():
    mix = Mix(3, mixup_alpha=0.3)
    mix.switch = 0.7
    config = mix.get_config()
    assert (config["mixup_alpha"], config["switch"], mix.epoch) == (0.3, 0.7, 0.0)


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
