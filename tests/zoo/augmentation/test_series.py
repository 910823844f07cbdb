"""Augmentation of series: shifts, scales and time warps."""

import numpy as np
import pytest

from occam.zoo.augmentation import RandomScale1D, RandomShift1D, TimeWarp
from occam.zoo.augmentation.series import interpolate, take_steps


def test_each_series_is_read_at_its_own_steps():
    x = np.arange(12.0, dtype="float32").reshape(2, 3, 2)
    read = take_steps(x, np.array([[2, 0], [1, 1]], "int32"))
    np.testing.assert_array_equal(read, [x[0, [2, 0]], x[1, [1, 1]]])


def test_linear_between_two_steps_and_clipped_at_the_ends():
    x = np.array([0.0, 10.0, 40.0], "float32").reshape(1, 3, 1)
    read = np.asarray(interpolate(x, np.array([[-1.0, 0.5, 1.25, 2.0, 9.0]], "float32")))
    np.testing.assert_allclose(read.ravel(), [0, 5, 17.5, 40, 40])


RAMP = np.broadcast_to(np.arange(1.0, 13.0, dtype="float32").reshape(1, 12, 1), (3000, 12, 1))


def shifted(max_shift, **kwargs):
    return np.asarray(RandomShift1D(max_shift, seed=1, **kwargs)(RAMP, training=True))[..., 0]


def test_every_shift_is_equally_likely():
    shifts = [int((1 - row[0]) % 12) for row in shifted(3, fill_mode="wrap")]
    for shift in range(-3, 4):
        share = np.mean([s == shift % 12 for s in shifts])
        assert abs(share - 1 / 7) < 4 * np.sqrt(6 / 49 / 3000)


@pytest.mark.parametrize(
    ("fill_mode", "left", "right"),
    [("wrap", [11, 12], [1, 2]), ("nearest", [1, 1], [12, 12]), ("constant", [-5, -5], [-5, -5])],
)
def test_fill_modes_at_the_borders(fill_mode, left, right):
    rows = {tuple(row) for row in shifted(2, fill_mode=fill_mode, fill_value=-5.0)}
    body = list(range(1, 13))
    expected = {
        (*left, *body[:10]),
        (left[1], *body[:11]),
        tuple(body),
        (*body[1:], right[0]),
        (*body[2:], *right),
    }
    assert rows == expected


def test_channels_are_shifted_together():
    x = np.random.default_rng(0).normal(size=(50, 12, 1)).astype("float32")
    out = np.asarray(RandomShift1D(5, seed=2)(np.concatenate([x, 2 * x], -1), training=True))
    np.testing.assert_array_equal(out[..., 1], 2 * out[..., 0])


@pytest.mark.tensorflow
def test_a_changed_shift_is_live_without_a_new_trace():
    import tensorflow as tf

    layer, traces = RandomShift1D(0, seed=1), []

    @tf.function
    def changed():
        traces.append(1)
        return tf.reduce_any(layer(tf.constant(RAMP), training=True) != RAMP)

    assert not changed()
    layer.max_shift = 2
    assert changed()
    assert len(traces) == 1


def test_factors_are_uniform_and_one_for_each_series():
    scaled = np.asarray(RandomScale1D(0.4, seed=1)(np.ones((5000, 3, 2), "float32"), training=True))
    assert (np.ptp(scaled.reshape(5000, -1), axis=1) == 0).all()
    factors = scaled[:, 0, 0]
    assert factors.min() >= 0.6
    assert factors.max() <= 1.4
    assert abs(factors.mean() - 1) < 4 * 0.8 / np.sqrt(12 * 5000)
    assert factors.std() == pytest.approx(0.8 / np.sqrt(12), rel=0.03)


LINE = np.broadcast_to(np.arange(20.0, dtype="float32").reshape(1, 20, 1), (500, 20, 1))


def test_time_runs_forwards_between_the_same_ends():
    """On the line x[t] = t, the values are the positions read."""
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
