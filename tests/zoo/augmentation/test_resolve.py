import numpy as np
import pytest

from occam.zoo.augmentation import AUGMENTATIONS, resolve_augmentation

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


def test_contract(check_augmentation):
    layer = resolve_augmentation("strong", (8, 8, 1), value_range=(0, 1), seed=1)
    check_augmentation(layer, np.random.default_rng(0).uniform(size=(7, 8, 8, 1)).astype("float32"))


def test_what_there_is_no_augmentation_for():
    with pytest.raises(ValueError, match=r"must be one of .* Received: 'extreme'"):
        resolve_augmentation("extreme", (40, 1))
    with pytest.raises(ValueError, match=r"\(height, width, channels\). Received: \(2, 3, 4, 5\)"):
        resolve_augmentation("light", (2, 3, 4, 5))
