import numpy as np
import pytest

from occam.zoo.layers import DropBlock

SHAPES = [(64, 50, 40), (64, 14, 9, 24), (64, 4, 25, 24)]


def draw(layer, shape):
    return np.asarray(layer(np.ones(shape, "float32"), training=True))


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


def test_a_map_of_which_nothing_is_kept_is_zero():
    outputs = draw(DropBlock(0.9999, 3, seed=5), (1, 2, 1))
    np.testing.assert_array_equal(outputs, np.zeros((1, 2, 1)))
