import pytest
from hypothesis import given
from hypothesis import strategies as st

from occam.zoo.layers import depth_rates, linear_depth_rates

STAGES = st.lists(st.integers(1, 20), min_size=1, max_size=6)


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


def test_the_rules_differ():
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
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        depth_rates(*arguments)
