import keras
import numpy as np
import pytest
from keras import ops

from occam.zoo.regularizers import GroupLasso


def test_contract(check_regularizer):
    check_regularizer(GroupLasso, "factor")


def test_the_norms_of_the_units_by_hand():
    kernel = ops.convert_to_tensor([[3.0, 0.0, 5.0], [4.0, 0.0, 12.0]])
    assert float(GroupLasso(0.5)(kernel)) == pytest.approx(0.5 * 2**0.5 * (5 + 0 + 13))
    assert float(GroupLasso(1.0, axis=0)(kernel)) == pytest.approx(3**0.5 * (34**0.5 + 160**0.5))


@pytest.mark.parametrize("shape", [(7,), (6, 7), (3, 6, 7), (3, 3, 6, 7)])
def test_a_group_is_the_weights_into_one_unit(shape):
    kernel = np.random.default_rng(0).normal(size=shape).astype("float32")
    groups = kernel.reshape(-1, 7)
    by_hand = np.sqrt(len(groups)) * np.linalg.norm(groups, axis=0).sum()
    assert float(GroupLasso(1.0)(kernel)) == pytest.approx(by_hand, rel=1e-5)


def test_a_unit_of_zeros_stays_zero_and_the_gradient_is_finite():
    dense = keras.layers.Dense(2, use_bias=False, kernel_regularizer=GroupLasso(1.0))
    model = keras.Sequential([keras.Input((2,)), dense])
    dense.kernel.assign([[3.0, 0.0], [4.0, 0.0]])
    model.compile(keras.optimizers.SGD(1.0), lambda y, z: 0 * z)
    model.fit(np.ones((1, 2)), np.ones((1, 2)), verbose=0)
    shrunk = np.array([3.0, 4.0]) * (1 - 2**0.5 / 5)
    np.testing.assert_allclose(dense.kernel, np.stack([shrunk, [0, 0]], axis=1), rtol=1e-5)


def test_a_missing_axis_is_refused():
    with pytest.raises(
        ValueError, match=r"axis of the penalized tensor, from -2 to 1. .* axis=2, shape \(3, 4\)"
    ):
        GroupLasso(axis=2)(ops.ones((3, 4)))
