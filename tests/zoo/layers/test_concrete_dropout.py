import keras
import numpy as np
import pytest

from occam.zoo.layers import ConcreteDropout


def identity(units, **options):
    return keras.layers.Dense(units, kernel_initializer="identity", **options)


@pytest.mark.parametrize("shape", [(1000, 100), (100, 10, 100), (50, 5, 4, 100)])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_at_a_low_temperature_it_is_dropout_at_the_rate(shape, rate):
    layer = ConcreteDropout(identity(100), rate, temperature=1e-3, seed=2)
    outputs = np.asarray(layer(np.ones(shape, "float32"), training=True))
    dropped = outputs < 0.5 / (1 - rate)
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / dropped.size)
    assert outputs.mean() == pytest.approx(1, abs=4 * np.sqrt(rate / (1 - rate) / dropped.size))


def test_before_a_convolution_whole_channels_are_dropped():
    layer = ConcreteDropout(keras.layers.Conv1D(4, 1, kernel_initializer="ones"), 0.5, seed=3)
    outputs = np.asarray(layer(np.ones((8, 6, 5), "float32"), training=True))
    np.testing.assert_allclose(outputs, np.broadcast_to(outputs[:, :1], outputs.shape), rtol=1e-5)
    assert len(np.unique(outputs[:, 0, 0])) > 1


def test_the_terms_of_the_bound_by_hand():
    layer = ConcreteDropout(
        identity(3), 0.2, weight_regularizer=0.5, dropout_regularizer=0.25, seed=4
    )
    for _ in range(2):  # a layer that is called twice has one penalty
        layer(np.ones((2, 3), "float32"))
    entropy = -0.2 * np.log(0.2) - 0.8 * np.log(0.8)
    assert [float(loss) for loss in layer.losses] == [
        pytest.approx(0.5 * 3 / 0.8 - 0.25 * 3 * entropy, rel=1e-5)
    ]
    layer.weight_regularizer = layer.dropout_regularizer = 0.0
    assert float(layer.losses[0]) == 0


@pytest.mark.parametrize("inputs_tell", [True, False])
def test_the_rate_falls_where_the_inputs_tell_something_and_rises_where_not(inputs_tell):
    x, unrelated = np.random.default_rng(0).normal(size=(2, 512, 8)).astype("float32")
    y = x if inputs_tell else unrelated
    layer = ConcreteDropout(identity(8), 0.3, dropout_regularizer=0.05, seed=5)
    model = keras.Sequential([keras.Input((8,)), layer])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(x, y, epochs=15, batch_size=64, verbose=0)
    assert layer.rate < 0.25 if inputs_tell else layer.rate > 0.35


def test_a_changed_strength_is_live_inside_fit():
    layer = ConcreteDropout(identity(3), 0.2, dropout_regularizer=0.0)
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.SGD(0.0), lambda y, z: 0 * z)

    class Change(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            layer.weight_regularizer = [0.0, 0.8][epoch]

    data = np.ones((2, 3))
    history = model.fit(data, data, epochs=2, verbose=0, callbacks=[Change()]).history
    assert history["loss"] == [0, pytest.approx(3)]
