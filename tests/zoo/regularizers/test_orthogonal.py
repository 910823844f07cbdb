import keras
import numpy as np
import pytest
from keras import ops

from occam.zoo.regularizers import Orthogonal


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_contract(check_regularizer):
    check_regularizer(Orthogonal, "factor")
    check_regularizer(lambda factor: Orthogonal(factor, mode="columns"), "factor")


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_on_a_matrix_the_same_as_keras(mode):
    theirs = keras.regularizers.OrthogonalRegularizer(0.3, mode)(
        ops.convert_to_tensor(random(6, 4))
    )
    assert float(Orthogonal(0.3, mode)(random(6, 4))) == pytest.approx(float(theirs), rel=1e-5)


def test_the_cosine_by_hand():
    kernel = ops.convert_to_tensor([[1.0, 3.0], [0.0, 4.0]])  # columns at cos = 3 / 5
    assert float(Orthogonal(0.5, mode="columns")(kernel)) == pytest.approx(0.5 * 0.6)


@pytest.mark.parametrize("mode", ["rows", "columns"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 3, 2, 5)])
def test_a_kernel_of_any_rank_is_the_matrix_inputs_by_units(mode, shape):
    kernel = random(*shape)
    penalty = Orthogonal(1.0, mode)
    assert float(penalty(kernel)) == pytest.approx(float(penalty(kernel.reshape(-1, 5))), rel=1e-6)


def test_a_single_unit_costs_nothing():
    assert float(Orthogonal(1.0, mode="columns")(random(4, 1))) == 0


def test_a_wrong_mode_and_a_wrong_rank_are_refused():
    with pytest.raises(ValueError, match=r"`mode` must be one of 'rows', 'columns'. Received"):
        Orthogonal(mode="row")
    with pytest.raises(
        ValueError, match=r"must have rank 2 or more. Received: a tensor of shape \(3,\)"
    ):
        Orthogonal()(ops.ones(3))
