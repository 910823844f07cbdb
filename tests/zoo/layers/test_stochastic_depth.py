import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occam.zoo.layers import StochasticDepth, depth_rates, linear_depth_rates

BATCH = 20_000
STAGES = st.lists(st.integers(1, 20), min_size=1, max_size=6)


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


@pytest.mark.parametrize("shapes", [[(2, 3), (2, 4)], [(2, 3)], [(2, 3), (2, 3), (2, 3)]])
def test_inputs_must_be_two_tensors_of_one_shape(shapes):
    with pytest.raises(ValueError, match=r"must be \[shortcut, branch\], two tensors of one shape"):
        StochasticDepth(0.1)([keras.ops.ones(shape) for shape in shapes])


@given(st.floats(0, 0.99), st.integers(1, 200))
def test_linear_rates_rise_from_zero_to_exactly_the_final_one(final, blocks):
    rates = linear_depth_rates(final, blocks)
    assert len(rates) == blocks
    assert rates[-1] == final
    assert blocks == 1 or rates[0] == 0
    assert list(rates) == sorted(rates)
    assert depth_rates(final, [blocks]) == rates


@given(st.floats(0, 0.99), STAGES, st.sampled_from(["linear", "uniform", "stagewise"]))
def test_every_rule_gives_each_block_a_rate_and_the_last_exactly_the_final(final, stages, rule):
    rates = depth_rates(final, stages, rule)
    assert len(rates) == sum(stages)
    assert rates[-1] == final
    assert list(rates) == sorted(rates)


def test_the_rules_of_depth_rates_differ():
    assert depth_rates(0.4, (1, 2), "uniform") == (0.4, 0.4, 0.4)
    assert depth_rates(0.4, (2, 1, 2), "stagewise") == (0.0, 0.0, 0.2, 0.4, 0.4)
    assert depth_rates(0.4, (2, 1, 2), "linear") == pytest.approx((0.0, 0.1, 0.2, 0.3, 0.4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, [2]), r"`final` must be a number in \[0, 1\). Received: final=1.0"),
        (
            (0.5, []),
            r"`stages` must be the numbers of blocks, each 1 or more. Received: stages=\[\]",
        ),
        ((0.5, [2, 0]), r"Received: stages=\[2, 0\]"),
        ((0.5, [2], "cubic"), r"one of 'linear', 'uniform', 'stagewise'. Received: rule='cubic'"),
    ],
)
def test_wrong_arguments_of_depth_rates_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        depth_rates(*arguments)
