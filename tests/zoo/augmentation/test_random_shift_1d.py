import numpy as np
import pytest

from occam.zoo.augmentation import RandomShift1D

X = np.broadcast_to(np.arange(1.0, 13.0, dtype="float32").reshape(1, 12, 1), (3000, 12, 1))


def shifted(max_shift, **kwargs):
    return np.asarray(RandomShift1D(max_shift, seed=1, **kwargs)(X, training=True))[..., 0]


@pytest.mark.parametrize("fill_mode", ["wrap", "nearest", "constant"])
def test_contract(check_augmentation, fill_mode):
    x = np.random.default_rng(0).normal(size=(7, 12, 2)).astype("float32")
    check_augmentation(RandomShift1D(3, fill_mode, seed=1), x)


def test_every_shift_is_equally_likely():
    shifts = [int((1 - row[0]) % 12) for row in shifted(3, fill_mode="wrap")]
    for shift in range(-3, 4):
        share = np.mean([s == shift % 12 for s in shifts])
        assert abs(share - 1 / 7) < 4 * np.sqrt(6 / 49 / 3000)


@pytest.mark.parametrize(
    ("fill_mode", "left", "right"),
    [("wrap", [11, 12], [1, 2]), ("nearest", [1, 1], [12, 12]), ("constant", [-5, -5], [-5, -5])],
)
def test_what_comes_in_at_the_borders(fill_mode, left, right):
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
        return tf.reduce_any(layer(tf.constant(X), training=True) != X)

    assert not changed()
    layer.max_shift = 2
    assert changed()
    assert len(traces) == 1


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`fill_mode` must be one of .* Received: .*'mirror'"):
        RandomShift1D(2, fill_mode="mirror")
    with pytest.raises(ValueError, match=r"`max_shift` must be a number in \[0, inf\)"):
        RandomShift1D(-1)
    with pytest.raises(ValueError, match=r"\(batch, steps, channels\). Received: shape \(2, 3\)"):
        RandomShift1D(1)(np.ones((2, 3)), training=True)
