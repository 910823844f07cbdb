import keras
import numpy as np
import pytest
import tensorflow as tf

from occam.zoo.layers import Dropout

SHAPES = [(200, 500), (200, 25, 20), (50, 10, 20, 10)]  # 100,000 elements each


def test_contract(check_layer):
    check_layer(Dropout(0.3, seed=1), np.ones((8, 5, 3), "float32"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_realised_fraction_is_the_rate_and_the_mean_is_kept(shape, rate):
    dropped = np.asarray(Dropout(rate, seed=2)(np.ones(shape, "float32"), training=True)) == 0
    n = dropped.size
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / n)
    kept = np.asarray(Dropout(rate, seed=2)(np.ones(shape, "float32"), training=True))[~dropped]
    np.testing.assert_allclose(kept, 1 / (1 - rate), rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_inference_is_exactly_the_identity(shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = Dropout(0.5)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)


def test_a_changed_rate_is_live_without_a_new_trace():
    layer = Dropout(0.0, seed=3)
    traces = []

    @tf.function
    def fraction_of_zeros():
        traces.append(1)
        return tf.reduce_mean(tf.cast(layer(tf.ones((100, 1000)), training=True) == 0, tf.float32))

    assert float(fraction_of_zeros()) == 0
    layer.rate = 0.25
    assert float(fraction_of_zeros()) == pytest.approx(0.25, abs=4 * np.sqrt(0.1875 / 1e5))
    layer.rate = 0.75
    assert float(fraction_of_zeros()) == pytest.approx(0.75, abs=4 * np.sqrt(0.1875 / 1e5))
    assert len(traces) == 1


def test_a_rate_changed_by_a_callback_is_live_inside_fit():
    layer = Dropout(0.0)
    model = keras.Sequential([keras.Input((1000,)), layer])
    fractions = []

    class Change(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            layer.rate = [0.0, 0.5][epoch]

        def on_epoch_end(self, epoch, logs=None):
            fractions.append(logs["loss"])

    model.compile(loss=lambda y, out: keras.ops.mean(keras.ops.cast(out == 0, "float32"), axis=-1))
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        model.fit(
            np.ones((100, 1000)), np.ones((100, 1)), epochs=2, callbacks=[Change()], verbose=0
        )
    assert fractions[0] == 0
    assert fractions[1] == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 1e5))


def test_masks_differ_from_call_to_call():
    layer = Dropout(0.5, seed=4)
    x = np.ones((10, 100), "float32")
    assert not np.array_equal(layer(x, training=True), layer(x, training=True))


def test_noise_shape_drops_whole_channels():
    out = np.asarray(
        Dropout(0.5, noise_shape=(None, 1, None), seed=5)(np.ones((64, 7, 8)), training=True)
    )
    np.testing.assert_array_equal(out, np.broadcast_to(out[:, :1], out.shape))
    assert 0 < (out == 0).mean() < 1


def test_the_float_that_is_read_is_the_one_that_was_set():
    layer = Dropout(0.1)
    assert layer.rate == 0.1
    layer.rate = 0.3
    assert layer.get_config()["rate"] == 0.3


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan"), "0.5", None])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(
        ValueError, match=r"Dropout: `rate` must be a number in \[0, 1\). Received: rate="
    ):
        Dropout(rate)
    layer = Dropout(0.5)
    with pytest.raises(ValueError, match=r"Received: rate="):
        layer.rate = rate
    assert layer.rate == 0.5
