import numpy as np
import pytest

from occam.zoo.layers import DropBlock

SHAPES = [(64, 50, 40), (64, 14, 9, 24), (64, 4, 25, 24)]


def draw(layer, shape):
    return np.asarray(layer(np.ones(shape, "float32"), training=True))


def test_contract(check_layer):
    check_layer(DropBlock(0.3, 2, seed=1), np.ones((8, 5, 3), "float32"))
    check_layer(DropBlock(0.3, 7, seed=1), np.ones((8, 6, 9, 3), "float32"))


def test_a_changed_rate_is_live(check_live):
    check_live(DropBlock(0.0, 3), "rate", 0.5, np.ones((16, 8, 4), "float32"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("block_size", [1, 3, 7])
def test_the_realised_fraction_is_the_rate_and_the_mean_is_kept(shape, rate, block_size):
    outputs = draw(DropBlock(rate, block_size, seed=2), shape)
    fractions = (outputs == 0).mean(axis=tuple(range(1, len(shape) - 1)))  # independent maps
    deviation = fractions.std() / np.sqrt(fractions.size)
    assert abs(fractions.mean() - rate) <= 4 * deviation
    assert outputs.mean() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("axis", [1, 2])
def test_the_border_is_dropped_as_often_as_the_middle(axis):
    dropped = draw(DropBlock(0.3, 5, seed=3), (100, 6, 11, 50)) == 0
    per_line = dropped.mean(axis=(0, 3, 3 - axis))
    deviation = np.sqrt(0.3 * 0.7 / (100 * 50))  # the values of a line as one: an upper bound
    assert (abs(per_line - 0.3) <= 4 * deviation).all()


def test_drops_whole_blocks():
    dropped = draw(DropBlock(0.05, 3, seed=4), (16, 12, 10, 8)) == 0
    eroded = np.zeros_like(dropped[:, 2:-2, 2:-2])
    for i in range(3):  # a dropped value that is no border is inside a 3 x 3 block of dropped ones
        for j in range(3):
            block = np.ones_like(eroded)
            for a in range(3):
                for b in range(3):
                    block &= dropped[:, i + a : i + a + 8, j + b : j + b + 6]
            eroded |= block
    assert dropped.any()
    np.testing.assert_array_equal(eroded, dropped[:, 2:-2, 2:-2])


def test_inference_and_rate_zero_are_exactly_the_identity():
    x = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype("float32")
    np.testing.assert_array_equal(DropBlock(0.5)(x), x)
    np.testing.assert_array_equal(DropBlock(0.0)(x, training=True), x)


def test_a_map_of_which_nothing_is_kept_is_zero():
    outputs = draw(DropBlock(0.9999, 3, seed=5), (1, 2, 1))
    np.testing.assert_array_equal(outputs, np.zeros((1, 2, 1)))


def test_wrong_arguments_are_refused():
    for block_size in (0, 2.5, True):
        with pytest.raises(ValueError, match=r"`block_size` must be an integer >= 1. Received: "):
            DropBlock(0.1, block_size)
    with pytest.raises(ValueError, match=r"`rate` must be a number in \[0, 1\)"):
        DropBlock(1.0)
    with pytest.raises(ValueError, match=r"of DropBlock must be .* Received: shape \(2, 3\)"):
        DropBlock(0.1)(np.ones((2, 3)))
