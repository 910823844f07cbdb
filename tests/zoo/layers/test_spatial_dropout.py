import numpy as np
import pytest

from occam.zoo.layers import SpatialDropout

SHAPES = [(100, 5, 200), (100, 3, 2, 200), (100, 2, 1, 2, 200)]


def test_contract(check_layer):
    check_layer(SpatialDropout(0.3, seed=1), np.ones((8, 5, 3), "float32"))


def test_a_changed_rate_is_live(check_live):
    check_live(SpatialDropout(0.0), "rate", 0.5, np.ones((16, 4, 8), "float32"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.7])
def test_drops_whole_channels_at_the_rate_and_keeps_the_mean(shape, rate):
    outputs = np.asarray(SpatialDropout(rate, seed=2)(np.ones(shape, "float32"), training=True))
    outputs = outputs.reshape(shape[0], -1, shape[-1])
    np.testing.assert_array_equal(outputs, np.broadcast_to(outputs[:, :1], outputs.shape))
    dropped = outputs[:, 0] == 0
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / dropped.size)
    np.testing.assert_allclose(outputs[:, 0][~dropped], 1 / (1 - rate), rtol=1e-6)


def test_inference_is_exactly_the_identity():
    x = np.random.default_rng(0).normal(size=(4, 5, 6)).astype("float32")
    np.testing.assert_array_equal(SpatialDropout(0.5)(x), x)


def test_a_table_is_refused():
    with pytest.raises(ValueError, match=r"of rank 3 or more. Received shape: \(2, 3\)"):
        SpatialDropout(0.5)(np.ones((2, 3)))
