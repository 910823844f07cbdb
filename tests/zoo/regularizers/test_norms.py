import keras
import numpy as np
import pytest
from keras import ops

from occam.zoo.regularizers import L1, L1L2, L2

KERNEL = np.random.default_rng(0).normal(size=(3, 3, 4, 5)).astype("float32")


def test_contract(check_regularizer):
    check_regularizer(L1, "l1")
    check_regularizer(L2, "l2")
    check_regularizer(lambda strength: L1L2(l1=strength), "l1")
    check_regularizer(lambda strength: L1L2(l2=strength), "l2")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (L1(0.01), keras.regularizers.L1(0.01)),
        (L2(0.01), keras.regularizers.L2(0.01)),
        (L1L2(0.01, 0.02), keras.regularizers.L1L2(0.01, 0.02)),
    ],
)
def test_the_same_as_keras(ours, theirs):
    assert float(ours(KERNEL)) == pytest.approx(float(theirs(ops.convert_to_tensor(KERNEL))))


def test_the_defaults_equal_keras():
    assert L1().get_config() == {"l1": 0.01}
    assert L2().get_config() == keras.regularizers.L2().get_config()
    assert L1L2().get_config() == keras.regularizers.L1L2().get_config()


def test_the_config_holds_the_exact_float():
    assert L2(1 / 3).get_config() == {"l2": 1 / 3}
    assert L1(np.float32(0.25)).l1 == 0.25


def test_as_an_activity_regularizer_it_is_divided_by_the_batch_size():
    layer = keras.layers.Activation("relu", activity_regularizer=L2(0.5))
    layer(np.full((4, 3), 2, "float32"))
    assert float(layer.losses[0]) == 0.5 * 12 * 4 / 4


def test_two_layers_share_the_strength_of_one_object():
    shared = L2(1.0)
    layers = [keras.layers.Dense(2, kernel_regularizer=shared) for _ in range(2)]
    model = keras.Sequential([keras.Input((2,)), *layers])
    shared.l2 = 0.0
    assert [float(loss) for loss in model.losses] == [0, 0]
