import numpy as np
import pytest

from occam.zoo.layers import Dropout, SpatialDropout

SHAPES = [(200, 500), (200, 25, 20), (50, 10, 20, 10)]  # 100,000 elements each


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_realised_fraction_is_the_rate_and_the_mean_is_kept(shape, rate):
    outputs = np.asarray(Dropout(rate, seed=2)(np.ones(shape, "float32"), training=True))
    dropped = outputs == 0
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / dropped.size)
    np.testing.assert_allclose(outputs[~dropped], 1 / (1 - rate), rtol=1e-6)


def test_masks_differ_from_call_to_call():
    layer = Dropout(0.5, seed=4)
    x = np.ones((10, 100), "float32")
    assert not np.array_equal(layer(x, training=True), layer(x, training=True))


def test_noise_shape_drops_whole_channels():
    out = np.asarray(
        Dropout(0.5, noise_shape=(None, 1, None), seed=5)(np.ones((64, 7, 8)), training=True)
    )
    np.testing.assert_array_equal(out, np.broadcast_to(out[:, :1], out.shape))
    assert 0 < (out == 0).mean() < 1


def test_the_float_that_is_read_is_the_one_that_was_set():
    layer = Dropout(0.1)
    assert layer.rate == 0.1
    layer.rate = 0.3
    assert layer.get_config()["rate"] == 0.3


SPATIAL_SHAPES = [(100, 5, 200), (100, 3, 2, 200), (100, 2, 1, 2, 200)]


@pytest.mark.parametrize("shape", SPATIAL_SHAPES)
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.7])
def test_drops_whole_channels_at_the_rate_and_keeps_the_mean(shape, rate):
    outputs = np.asarray(SpatialDropout(rate, seed=2)(np.ones(shape, "float32"), training=True))
    outputs = outputs.reshape(shape[0], -1, shape[-1])
    np.testing.assert_array_equal(outputs, np.broadcast_to(outputs[:, :1], outputs.shape))
    dropped = outputs[:, 0] == 0
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / dropped.size)
    np.testing.assert_allclose(outputs[:, 0][~dropped], 1 / (1 - rate), rtol=1e-6)
