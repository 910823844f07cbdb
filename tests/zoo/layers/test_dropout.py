import numpy as np
import pytest

from occam.zoo.layers import Dropout, SpatialDropout

SHAPES = [(200, 500), (200, 25, 20), (50, 10, 20, 10)]  # 100,000 elements each


def test_contract(check_layer):
    check_layer(Dropout(0.3, seed=1), np.ones((8, 5, 3), "float32"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_realised_fraction_is_the_rate_and_the_mean_is_kept(shape, rate):
    outputs = np.asarray(Dropout(rate, seed=2)(np.ones(shape, "float32"), training=True))
    dropped = outputs == 0
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / dropped.size)
    np.testing.assert_allclose(outputs[~dropped], 1 / (1 - rate), rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_inference_is_exactly_the_identity(shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = Dropout(0.5)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)


def test_a_changed_rate_is_live(check_live):
    check_live(Dropout(0.0), "rate", 0.5, np.ones((16, 8), "float32"))


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


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan"), "0.5", None])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(ValueError, match=r"`rate` must be a number in \[0, 1\). Received: rate="):
        Dropout(rate)
    layer = Dropout(0.5)
    with pytest.raises(ValueError, match=r"Received: rate="):
        layer.rate = rate
    assert layer.rate == 0.5


SPATIAL_SHAPES = [(100, 5, 200), (100, 3, 2, 200), (100, 2, 1, 2, 200)]


def test_spatial_contract(check_layer):
    check_layer(SpatialDropout(0.3, seed=1), np.ones((8, 5, 3), "float32"))


def test_a_changed_spatial_rate_is_live(check_live):
    check_live(SpatialDropout(0.0), "rate", 0.5, np.ones((16, 4, 8), "float32"))


@pytest.mark.parametrize("shape", SPATIAL_SHAPES)
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.7])
def test_drops_whole_channels_at_the_rate_and_keeps_the_mean(shape, rate):
    outputs = np.asarray(SpatialDropout(rate, seed=2)(np.ones(shape, "float32"), training=True))
    outputs = outputs.reshape(shape[0], -1, shape[-1])
    np.testing.assert_array_equal(outputs, np.broadcast_to(outputs[:, :1], outputs.shape))
    dropped = outputs[:, 0] == 0
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / dropped.size)
    np.testing.assert_allclose(outputs[:, 0][~dropped], 1 / (1 - rate), rtol=1e-6)


def test_spatial_inference_is_exactly_the_identity():
    x = np.random.default_rng(0).normal(size=(4, 5, 6)).astype("float32")
    np.testing.assert_array_equal(SpatialDropout(0.5)(x), x)


def test_a_table_is_refused():
    with pytest.raises(ValueError, match=r"of rank 3 or more. Received: shape \(2, 3\)"):
        SpatialDropout(0.5)(np.ones((2, 3)))
