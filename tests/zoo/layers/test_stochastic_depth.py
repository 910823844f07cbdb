import keras
import numpy as np
import pytest

from occam.zoo.layers import StochasticDepth

BATCH = 20_000


def test_contract(check_layer):
    x = np.ones((8, 5, 3), "float32")
    check_layer(StochasticDepth(0.3, seed=1), [x, 2 * x])


@pytest.mark.parametrize("rank", [2, 3, 4])
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.9])
def test_drops_whole_branches_at_the_rate_and_keeps_the_mean(rank, rate):
    shape = (BATCH, *(2,) * (rank - 1))
    shortcut, branch = np.full(shape, 3, "float32"), np.ones(shape, "float32")
    out = np.asarray(StochasticDepth(rate, seed=2)([shortcut, branch], training=True)) - 3
    out = out.reshape(BATCH, -1)
    np.testing.assert_array_equal(out, np.broadcast_to(out[:, :1], out.shape))
    dropped = out[:, 0] == 0
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / BATCH)
    np.testing.assert_allclose(out[~dropped], 1 / (1 - rate), rtol=1e-5)


def test_inference_is_exactly_the_sum():
    x, y = np.random.default_rng(0).normal(size=(2, 16, 4, 4, 3)).astype("float32")
    np.testing.assert_array_equal(StochasticDepth(0.5)([x, y]), x + y)


def test_a_changed_rate_is_live(check_live):
    x = np.ones((16, 8), "float32")
    check_live(StochasticDepth(0.0), "rate", 0.5, [x, x], lambda inputs: 2 * x)


@pytest.mark.parametrize("shapes", [[(2, 3), (2, 4)], [(2, 3)], [(2, 3), (2, 3), (2, 3)]])
def test_refuses_anything_but_two_tensors_of_one_shape(shapes):
    with pytest.raises(ValueError, match=r"must be \[shortcut, branch\], two tensors of one shape"):
        StochasticDepth(0.1)([keras.ops.ones(shape) for shape in shapes])
