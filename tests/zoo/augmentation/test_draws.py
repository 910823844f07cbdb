import keras
import numpy as np

from occam.zoo.augmentation.draws import Draws


def numbers(draws, count=1000):
    return np.asarray(draws.uniform((count,)))


def test_each_use_differs_and_a_key_repeats_all():
    first, second = Draws(3), Draws(keras.ops.convert_to_tensor([3, 0]))
    uses = [numbers(first) for _ in range(3)]
    np.testing.assert_array_equal(uses, [numbers(second) for _ in range(3)])
    correlations = np.corrcoef([*uses, numbers(Draws(4)), numbers(Draws([3, 1]))])
    off_diagonal = correlations[~np.eye(5, dtype=bool)]
    assert np.abs(off_diagonal).max() < 4 / np.sqrt(1000)


def test_a_derived_key_gives_independent_draws():
    parent = Draws(3)
    children = [numbers(Draws(parent.key())) for _ in range(2)]
    correlations = np.corrcoef([*children, numbers(parent), numbers(Draws(3))])
    assert np.abs(correlations[~np.eye(4, dtype=bool)]).max() < 4 / np.sqrt(1000)


def test_uniform_bounds():
    values = np.asarray(Draws(1).uniform((1000,), -2.0, 3.0))
    assert values.min() >= -2
    assert values.max() < 3
    assert abs(values.mean() - 0.5) < 4 * 5 / np.sqrt(12 * 1000)
