import numpy as np
import pytest

from occam.zoo.augmentation import (
    AUGMENTATIONS,
    FeatureNoise,
    Pipeline,
    RandomScale1D,
    RandomShift1D,
    resolve_augmentation,
)

X = np.random.default_rng(0).normal(size=(7, 12, 2)).astype("float32")


def test_layers_of_one_seed_draw_independently():
    x = np.zeros((300, 300))
    twice = Pipeline([FeatureNoise(1.0, seed=1), FeatureNoise(1.0, seed=1)], seed=2)
    assert np.asarray(twice(x, training=True)).std() == pytest.approx(np.sqrt(2), rel=0.02)


def test_in_order():
    shift_then_none = Pipeline([RandomShift1D(3, "wrap"), RandomScale1D(0.0)], seed=1)
    shifted = np.asarray(shift_then_none(X, training=True))
    np.testing.assert_array_equal(np.sort(shifted, axis=1), np.sort(X, axis=1))
    assert not np.array_equal(shifted, X)


def test_nothing_is_the_identity_in_training_too():
    np.testing.assert_array_equal(Pipeline([])(X, training=True), X)
    assert str(Pipeline([])) == "none"


SHAPES = [(30,), (40, 1), (8, 8, 1), (16, 12, 3)]


@pytest.mark.parametrize("tier", AUGMENTATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_tier_of_every_rank(tier, shape):
    x = np.random.default_rng(0).uniform(size=(64, *shape)).astype("float32")
    layer = resolve_augmentation(tier, shape, value_range=(0, 1), seed=1)
    augmented = np.asarray(layer(x, training=True))
    assert augmented.shape == x.shape
    assert not np.array_equal(augmented, x)
    np.testing.assert_array_equal(layer(x), x)


@pytest.mark.parametrize("shape", SHAPES[:3])
def test_tiers_rise_and_print(shape):
    texts = [str(resolve_augmentation(tier, shape)) for tier in AUGMENTATIONS]
    assert len(set(texts)) == 3
    x = np.random.default_rng(0).uniform(0, 255, size=(500, *shape)).astype("float32")
    x = x if len(shape) == 3 else x / 100
    moved = [
        np.abs(resolve_augmentation(t, shape, seed=1)(x, training=True) - x).mean()
        for t in AUGMENTATIONS
    ]
    assert moved == sorted(moved)


@pytest.mark.parametrize(("roughness", "stddev"), [(0.06, 0.02), (0.6, 0.2), (1.4, 0.2)])
def test_smooth_series_get_weaker_noise(roughness, stddev):
    noise = resolve_augmentation("medium", (40, 1), roughness=roughness).layers[-1]
    assert noise.stddev == pytest.approx(stddev)


def test_another_tier_or_rank_is_an_error():
    with pytest.raises(ValueError, match=r"`tier` must be one of .* Received: tier='extreme'"):
        resolve_augmentation("extreme", (40, 1))
    with pytest.raises(
        ValueError,
        match=r"\(height, width, channels\). Received: input_shape=\(2, 3, 4, 5\)",
    ):
        resolve_augmentation("light", (2, 3, 4, 5))
