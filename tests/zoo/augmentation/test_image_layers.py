"""RandAugment, TrivialAugment and RandomErasing as layers."""

import numpy as np
import pytest

from occam.zoo.augmentation import RandAugment, RandomErasing, TrivialAugment
from occam.zoo.augmentation.draws import Draws
from occam.zoo.augmentation.operations import OPERATIONS

IMAGES = np.random.default_rng(0).uniform(size=(7, 8, 10, 3)).astype("float32")


@pytest.mark.parametrize("kind", [RandAugment, TrivialAugment, RandomErasing])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_bytes_stay_bytes(kind, channels):
    images = np.random.default_rng(0).integers(0, 256, (64, 8, 9, channels)).astype("uint8")
    out = np.asarray(kind(seed=1)(images, training=True))
    assert out.dtype == "uint8"
    assert out.shape == images.shape
    assert not np.array_equal(out, images)


@pytest.mark.parametrize("layer", [RandAugment(num_ops=2, seed=1), TrivialAugment(seed=1)])
def test_every_operation_is_equally_likely_for_each_image(layer):
    drawn = layer.draw(20_000, Draws(3))
    choice = np.asarray(drawn.choice)
    share = np.bincount(choice.ravel(), minlength=14) / choice.size
    assert len(share) == len(OPERATIONS) == 14
    bound = 4.5 * np.sqrt((1 / 14) * (13 / 14) / choice.size)
    assert np.abs(share - 1 / 14).max() < bound
    assert abs(np.asarray(drawn.sign).mean()) < 4 / np.sqrt(choice.size)


def test_strengths():
    rand = np.asarray(RandAugment(magnitude=9).draw(10, Draws(3)).strength)
    np.testing.assert_allclose(rand, 0.3)
    trivial = np.asarray(TrivialAugment().draw(20_000, Draws(3)).strength)
    np.testing.assert_allclose(np.unique(trivial), np.arange(31) / 30, rtol=1e-6)


def test_a_changed_magnitude_is_live():
    layer = RandAugment(magnitude=0, seed=1)
    gradient = np.broadcast_to(np.linspace(0, 255, 64).reshape(1, 8, 8, 1), (200, 8, 8, 3))
    gradient = gradient.astype("float32")

    def unchanged():
        close = np.isclose(layer(gradient, training=True, seed=2), gradient, atol=0.1)
        return close.reshape(200, -1).all(axis=1).mean()

    # At 0, only equalize and the fully stretched auto contrast act; inverting from 255 on, too.
    weak = unchanged()
    layer.magnitude = 30
    assert unchanged() < 0.1 < 0.5 < weak


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_erasing_happens_with_its_probability(probability):
    images = np.full((2000, 16, 16, 1), 0.5, "float32")
    layer = RandomErasing(probability, value_range=(0, 1), fill=1, seed=1)
    erased = (np.asarray(layer(images, training=True)) == 1).any(axis=(1, 2, 3))
    bound = 4 * np.sqrt(probability * (1 - probability) / 2000)
    assert abs(erased.mean() - probability) <= bound


@pytest.mark.parametrize("shape", [(64, 64), (32, 96)])
def test_erased_rectangles_have_their_area_and_aspect(shape):
    images = np.zeros((1000, *shape, 1), "float32")
    layer = RandomErasing(1.0, area=(0.05, 0.15), aspect=(0.5, 2.0), fill=1, seed=1)
    erased = np.asarray(layer(images, training=True))[..., 0] > 0
    rows, columns = erased.any(axis=2), erased.any(axis=1)
    np.testing.assert_array_equal(erased, np.einsum("br,bc->brc", rows, columns))
    area = erased.mean(axis=(1, 2))
    assert area.min() > 0.04
    assert area.max() < 0.16
    assert area.mean() == pytest.approx(0.1, abs=0.004)
    aspect = np.log(rows.sum(axis=1) / columns.sum(axis=1))
    assert np.abs(aspect).max() < np.log(2) + 0.15
    assert abs(aspect.mean()) < 0.06


def test_erased_pixels_are_noise_in_the_range():
    images = np.full((50, 16, 16, 3), -9.0, "float32")
    layer = RandomErasing(1.0, area=(0.4, 0.4), value_range=(-1, 1), seed=1)
    out = np.asarray(layer(images, training=True))
    noise = out[out != -9]
    assert noise.min() >= -1
    assert noise.max() < 1
    assert abs(noise.mean()) < 4 * 2 / np.sqrt(12 * noise.size)


@pytest.mark.tensorflow
def test_in_tf_data():
    import tensorflow as tf

    from occam.zoo.augmentation import augment

    images = tf.data.Dataset.from_tensors((255 * IMAGES, 0)).repeat(4)
    first, second = (
        np.stack([x for x, _ in augment(images, RandAugment(), seed=1)]) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    assert len({batch.tobytes() for batch in first}) == 4
