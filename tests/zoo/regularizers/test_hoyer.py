import keras
import numpy as np
import pytest
from keras import ops

from occam.zoo.regularizers import Hoyer


def test_contract(check_regularizer):
    check_regularizer(Hoyer, "factor")


def test_by_hand():
    assert float(Hoyer(0.5)(ops.convert_to_tensor([[3.0, -4.0]]))) == pytest.approx(0.5 * 49 / 25)


@pytest.mark.parametrize("used", [1, 3, 10])
def test_counts_the_weights_in_use_at_any_scale(used):
    for size in (1e-3, 1.0, 1e3):
        kernel = np.where(np.arange(10) < used, size, 0.0).astype("float32")
        assert float(Hoyer(1.0)(kernel)) == pytest.approx(used, rel=1e-5)


def test_a_kernel_of_zeros_costs_nothing_and_stays():
    dense = keras.layers.Dense(
        2, use_bias=False, kernel_initializer="zeros", kernel_regularizer=Hoyer(1.0)
    )
    model = keras.Sequential([keras.Input((2,)), dense])
    model.compile(keras.optimizers.SGD(1.0), lambda y, z: 0 * z)
    history = model.fit(np.ones((1, 2)), np.ones((1, 2)), verbose=0)
    assert history.history["loss"] == [0]
    np.testing.assert_array_equal(dense.kernel, np.zeros((2, 2)))
