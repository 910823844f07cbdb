import keras
import numpy as np
import pytest

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


N = 40_000


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 4.0])
def test_mean_and_variance_of_the_beta_distribution(alpha):
    ratio = np.asarray(Draws(1).symmetric_beta(alpha, (N,)))
    variance = 1 / (4 * (2 * alpha + 1))
    assert np.isfinite(ratio).all()
    assert abs(ratio.mean() - 0.5) < 4 * np.sqrt(variance / N)
    assert ratio.var() == pytest.approx(variance, rel=0.03)


def test_the_beta_distribution_of_alpha_1_is_uniform():
    ratio = np.sort(np.asarray(Draws(2).symmetric_beta(1.0, (N,))))
    distance = np.abs(ratio - (np.arange(N) + 0.5) / N).max()
    assert distance < 1.95 / np.sqrt(N)  # Kolmogorov-Smirnov at 0.1 %


def test_the_beta_distribution_of_alpha_0_is_1():
    np.testing.assert_array_equal(Draws(3).symmetric_beta(0.0, (5,)), np.ones(5))
