import keras
import numpy as np
import pytest

from occam.zoo.layers import DropConnect


def ones(units=3, **options):
    return keras.layers.Dense(units, kernel_initializer="ones", bias_initializer="ones", **options)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (keras.layers.Dense(300, use_bias=False), (300,)),
        (keras.layers.Conv1D(300, 1, use_bias=False), (1, 300)),
        (keras.layers.Conv2D(300, 1, use_bias=False), (1, 1, 300)),
    ],
)
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.9])
def test_the_share_of_dropped_connections_is_the_rate_and_the_mean_is_kept(layer, shape, rate):
    layer = type(layer).from_config({**layer.get_config(), "kernel_initializer": "ones"})
    wrapper = DropConnect(layer, rate, seed=2)
    probes = np.eye(300, dtype="float32").reshape(300, *shape)  # one input at a time: the kernel
    kernel = np.asarray(wrapper(probes, training=True)).reshape(300, 300)
    # one mask serves the step, so each row of the kernel is seen by one probe
    dropped = kernel == 0
    assert abs(dropped.mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / dropped.size)
    np.testing.assert_allclose(kernel[~dropped], 1 / (1 - rate), rtol=1e-5)


def test_the_bias_is_thinned_too_and_the_weights_stay_as_they_are():
    layer = ones(1000)
    wrapper = DropConnect(layer, 0.5, seed=3)
    assert set(np.unique(wrapper(np.zeros((1, 2), "float32"), training=True))) == {0, 2}
    assert (np.asarray(layer.kernel) == 1).all()
    assert (np.asarray(layer.bias) == 1).all()


def test_only_kept_connections_learn():
    wrapper = DropConnect(ones(50, use_bias=False), 0.5, seed=4)
    model = keras.Sequential([keras.Input((40,)), wrapper])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.fit(np.ones((1, 40)), np.zeros((1, 50)), verbose=0)
    unchanged = (np.asarray(wrapper.layer.kernel) == 1).mean()
    assert abs(unchanged - 0.5) <= 4 * np.sqrt(0.25 / 2000)


def test_the_penalty_is_on_the_whole_kernel_and_counted_once():
    wrapper = DropConnect(ones(2, use_bias=False, kernel_regularizer="l2"), 0.5)
    wrapper(np.ones((1, 3), "float32"), training=True)
    assert [float(loss) for loss in wrapper.losses] == [pytest.approx(0.06)]
