import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occam.zoo.data import DataError
from occam.zoo.data.preprocessing import fit_standardization
from occam.zoo.data.split import ArraySplit


def split(features):
    return ArraySplit(features, np.zeros(len(features), "int32"))


def standardized(features):
    train = split(features)
    return train.standardized(fit_standardization(train, "here")).features


@pytest.mark.parametrize("shape", [(3000, 5), (2000, 7, 2), (1500, 4, 3, 3)])
def test_mean_zero_and_variance_one_over_the_last_axis(shape):
    rng = np.random.default_rng(0)
    features = rng.normal(3.0, 5.0, shape) * np.arange(1, shape[-1] + 1)
    rows = standardized(features).reshape(-1, shape[-1])
    np.testing.assert_allclose(rows.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(rows.var(axis=0), 1.0, atol=1e-5)


def test_a_large_mean_does_not_cancel_the_variance():
    features = np.random.default_rng(0).normal(1e4, 0.1, (5000, 1)).astype("float32")
    layer = fit_standardization(split(features), "here")
    np.testing.assert_allclose(
        np.asarray(layer.variance).ravel(),
        features.astype("float64").var(),
        rtol=1e-5,
    )


@settings(deadline=None, max_examples=30)
@given(constant=st.floats(-1e6, 1e6, width=32), size=st.sampled_from([2, 7, 1025, 3000]))
def test_a_constant_feature_is_shifted_only(constant, size):
    layer = fit_standardization(split(np.full((size, 1), constant, "float32")), "here")
    moved = np.asarray(layer(np.array([[constant + 2.0]], "float32")))
    np.testing.assert_allclose(moved, 2.0, atol=0.1)


def test_it_is_float32_under_any_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = fit_standardization(split(np.array([[1000.0], [1001.0]])), "here")
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(layer(np.array([[1000.0], [1001.0]])), [[-1.0], [1.0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite(bad):
    with pytest.raises(DataError, match=r"here: features must be finite float32\. Received"):
        fit_standardization(split(np.array([[1.0], [bad]])), "here")


def test_a_variance_beyond_float32():
    with pytest.raises(DataError, match=r"at most 3.4e38\). Received: 1e\+60 for feature 1"):
        fit_standardization(split(np.array([[0.0, -1e30], [1.0, 1e30]])), "here")
