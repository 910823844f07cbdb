import numpy as np
import pytest

from occam.zoo.augmentation import TimeWarp

LINE = np.broadcast_to(np.arange(20.0, dtype="float32").reshape(1, 20, 1), (500, 20, 1))


def test_contract(check_augmentation):
    x = np.random.default_rng(0).normal(size=(7, 12, 2)).astype("float32")
    check_augmentation(TimeWarp(0.3, seed=1), x)


def test_time_runs_forwards_between_the_same_ends():
    """Of the line x[t] = t, what is read is the position."""
    positions = np.asarray(TimeWarp(1.0, seed=1)(LINE, training=True))[..., 0]
    np.testing.assert_allclose(positions[:, [0, -1]], [[0, 19]] * 500, atol=1e-4)
    assert (np.diff(positions, axis=1) > 0).all()
    assert positions.std(axis=0)[1:-1].min() > 0.3


def test_stronger_warps_move_further():
    moved = [
        np.abs(np.asarray(TimeWarp(s)(LINE, training=True, seed=1)) - LINE).mean()
        for s in (0.0, 0.1, 0.5)
    ]
    assert moved[0] < 1e-5
    assert 4 * moved[1] < moved[2] < 6 * moved[1]  # to first order as the strength


def test_two_knots_are_a_speed_that_rises_or_falls():
    speed = np.diff(np.asarray(TimeWarp(0.5, knots=2, seed=1)(LINE, training=True))[..., 0])
    bends = np.diff(np.log(speed), axis=1)
    np.testing.assert_allclose(bends, bends[:, :1] * np.ones(bends.shape), atol=1e-3)


def test_wrong_arguments_are_refused():
    with pytest.raises(
        ValueError, match=r"`knots` must be an integer of at least 2. Received: .*=1"
    ):
        TimeWarp(0.2, knots=1)
    with pytest.raises(ValueError, match=r"Received: shape \(2, 3\)"):
        TimeWarp(0.1)(np.ones((2, 3)), training=True)
