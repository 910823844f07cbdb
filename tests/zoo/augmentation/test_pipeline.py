import keras
import numpy as np
import pytest

from occam.zoo.augmentation import FeatureNoise, Pipeline, RandomScale1D, RandomShift1D

X = np.random.default_rng(0).normal(size=(7, 12, 2)).astype("float32")


def test_contract(check_augmentation):
    check_augmentation(Pipeline([RandomShift1D(3), RandomScale1D(0.2)], seed=1), X)


def test_layers_of_one_seed_draw_independently():
    x = np.zeros((300, 300))
    twice = Pipeline([FeatureNoise(1.0, seed=1), FeatureNoise(1.0, seed=1)], seed=2)
    assert np.asarray(twice(x, training=True)).std() == pytest.approx(np.sqrt(2), rel=0.02)


def test_in_order():
    shift_then_none = Pipeline([RandomShift1D(3, "wrap"), RandomScale1D(0.0)], seed=1)
    shifted = np.asarray(shift_then_none(X, training=True))
    np.testing.assert_array_equal(np.sort(shifted, axis=1), np.sort(X, axis=1))
    assert not np.array_equal(shifted, X)


def test_nothing_is_the_identity_in_training_too():
    np.testing.assert_array_equal(Pipeline([])(X, training=True), X)
    assert str(Pipeline([])) == "none"


def test_other_layers_are_refused():
    with pytest.raises(ValueError, match=r"must be layers of occam.zoo.augmentation. Received: <R"):
        Pipeline([keras.layers.Rescaling(2.0)])


def test_the_description_names_every_strength():
    pipeline = Pipeline([RandomShift1D(3), RandomScale1D(0.2)])
    assert str(pipeline).splitlines() == [
        "RandomShift1D(max_shift=3, fill_mode='nearest', fill_value=0)",
        "RandomScale1D(factor=0.2)",
    ]
