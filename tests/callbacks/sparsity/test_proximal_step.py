import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from keras import ops

from occam.callbacks.sparsity.proximal_step import block_soft_threshold, soft_threshold

finite = st.floats(-100, 100, width=32, allow_subnormal=False)
matrices = arrays.arrays("float32", (2, 3, 4), elements=finite)
thresholds = st.floats(0, 10, width=32)


def array(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


@settings(max_examples=30, deadline=None)
@given(matrices, thresholds)
def test_soft_threshold_is_the_formula(x, t):
    expected = np.sign(x) * np.maximum(np.abs(x) - np.float32(t), 0)
    np.testing.assert_allclose(array(soft_threshold(x, t)), expected, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(matrices, thresholds)
def test_block_soft_threshold_is_the_formula(x, t):
    within = tuple(range(x.ndim - 1))
    length = np.sqrt(np.sum(x.astype("float64") ** 2, axis=within))
    limit = t * np.sqrt(x[..., 0].size)
    scale = np.maximum(1 - limit / np.where(length > 0, length, 1), 0) * (length > 0)
    actual = array(block_soft_threshold(ops.convert_to_tensor(x), t, (x.ndim - 1,)))
    np.testing.assert_allclose(actual, x * scale, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(matrices)
def test_a_threshold_of_zero_changes_nothing(x):
    x = ops.convert_to_tensor(x)
    np.testing.assert_array_equal(array(soft_threshold(x, 0.0)), array(x))
    np.testing.assert_array_equal(array(block_soft_threshold(x, 0.0, (1,))), array(x))


def test_zeros_have_no_sign():
    x = ops.convert_to_tensor([[-0.5, 0.5]])
    assert array(soft_threshold(x, 1.0)).tobytes() == np.zeros((1, 2), "float32").tobytes()
    assert array(block_soft_threshold(x, 1.0, (1,))).tobytes() == bytes(8)


def test_nan_stays_nan():
    x = ops.convert_to_tensor([[np.nan, 1.0]])
    assert np.isnan(array(soft_threshold(x, 1.0))[0, 0])
    assert np.isnan(array(block_soft_threshold(x, 1.0, (1,)))[0, 0])


@pytest.mark.parametrize("groups", [(0,), (1,), (0, 1)])
def test_a_group_shrinks_as_a_whole(groups):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    result = array(block_soft_threshold(ops.convert_to_tensor(x), 0.1, groups))
    ratio = result / x
    within = tuple(axis for axis in (0, 1) if axis not in groups)
    np.testing.assert_allclose(ratio.max(within), ratio.min(within), rtol=1e-5)
    assert (ratio < 1).all()
