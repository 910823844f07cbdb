"""The random windows of the Square attack."""

import numpy as np
import pytest

from occam.zoo.robustness import square
from occam.zoo.robustness.ball import Ball
from occam.zoo.robustness.square import _Windows

from .conftest import linear_model


def windows(*shape):
    return _Windows(shape, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("shape", "share", "count"),
    [((20,), 0.3, 6), ((20, 3), 0.3, 6), ((16, 16, 3), 0.25, 64), ((9, 4, 1), 1.0, 36)],
)
def test_a_window_has_the_share_of_the_positions(shape, share, count):
    drawn = [windows(*shape).draw(share) for _ in range(20)]
    assert {int(window.sum()) for window in drawn} == {count}


def test_a_window_is_an_interval_a_square_or_any_columns():
    interval = np.flatnonzero(windows(30, 2).draw(0.3))
    assert np.ptp(interval) == len(interval) - 1
    rows, columns = np.nonzero(windows(12, 12, 1).draw(0.25))
    assert np.ptp(rows) == np.ptp(columns) == 5
    several = [tuple(np.flatnonzero(windows.draw(0.2))) for windows in [windows(30)] * 5]
    assert len(set(several)) == 5
    assert any(np.ptp(each) > len(each) for each in several)


@pytest.mark.parametrize("shape", [(20,), (20, 3), (16, 12, 3), (3, 2, 1), (1, 1)])
def test_the_tiles_cover_each_position_once(shape):
    tiles = [*windows(*shape).tiles()]
    assert (sum(tile.astype(int) for tile in tiles) == 1).all()


@pytest.mark.parametrize("shape", [(20,), (20, 3), (16, 16, 3), (1, 1), (2, 1, 1)])
def test_a_pattern_has_length_one_within_its_window_and_opposite_halves(shape):
    source = windows(*shape)
    for share in (0.05, 0.3, 1.0):
        window = source.draw(share)
        pattern = source.pattern(window)
        np.testing.assert_allclose(np.linalg.norm(pattern), 1.0, rtol=1e-6)
        assert (pattern[~window] == 0).all()
        if len(shape) > 1 and window.sum() >= 4:
            assert pattern.min() < 0 < pattern.max()


def test_under_l2_the_search_comes_near_the_boundary_of_a_linear_model():
    generator = np.random.default_rng(1)
    weights, x = generator.normal(size=(8, 2)), generator.normal(size=(40, 8))
    z = x @ weights
    y = z.argmax(axis=1)
    reach = np.abs(z[:, 1] - z[:, 0]) / np.linalg.norm(weights[:, 1] - weights[:, 0])
    epsilon = 0.5
    found = square(linear_model(weights, [0, 0]), x, y, epsilon, norm="l2", queries=400)
    assert found.fooled[reach < 0.8 * epsilon].all()
    assert not found.fooled[reach > epsilon].any()
    assert (reach < 0.8 * epsilon).sum() > 5


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_points_fill_the_ball(norm):
    center = np.ones((4000, 3), "float32")
    ball = Ball.around(center, 2.0, norm, None)
    change = ball.random(np.random.default_rng(0)).astype("float64") - center
    # The share within half the radius is (1/2)^3; 5 standard errors.
    share = (ball.length(change) < 1.0).mean()
    assert abs(share - 1 / 8) < 5 * np.sqrt(1 / 8 * 7 / 8 / 4000)
    assert np.abs(change.mean(axis=0)).max() < 5 * 2 / np.sqrt(3 * 4000)
