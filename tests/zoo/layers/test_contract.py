"""The contract of every layer, and the errors for wrong arguments."""

import keras
import numpy as np
import pytest

from occam.zoo.layers import (
    ConcreteDropout,
    DropBlock,
    DropConnect,
    Dropout,
    EnsembleMean,
    GaussianNoise,
    MemberScale,
    PeriodicEmbedding,
    ResidualBranch,
    SpatialDropout,
    StochasticDepth,
)

Dense = keras.layers.Dense
ALL_ONES = {"kernel_initializer": "ones", "bias_initializer": "ones"}


def ones(*shape):
    return np.ones(shape, "float32")


def convolution():
    return keras.layers.Conv2D(3, 3, padding="same")


def branch():
    return [Dense(4), keras.layers.BatchNormalization(), Dense(3)]


def name(value):
    return type(value).__name__ if isinstance(value, keras.layers.Layer) else ""


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (Dropout(0.3, seed=1), ones(8, 5, 3)),
        (SpatialDropout(0.3, seed=1), ones(8, 5, 3)),
        (DropBlock(0.3, 2, seed=1), ones(8, 5, 3)),
        (DropBlock(0.3, 7, seed=1), ones(8, 6, 9, 3)),
        (GaussianNoise(0.3, seed=1), ones(8, 5, 3)),
        (StochasticDepth(0.3, seed=1), [ones(8, 5, 3), 2 * ones(8, 5, 3)]),
        (DropConnect(Dense(3), 0.3, seed=1), ones(8, 5, 3)),
        (DropConnect(convolution(), 0.3, seed=1), ones(8, 6, 4, 3)),
        (ConcreteDropout(Dense(3), seed=1), ones(8, 5, 3)),
        (ConcreteDropout(convolution(), seed=1), ones(8, 6, 4, 3)),
        (ResidualBranch(branch(), 0.3, "batch", seed=1), ones(8, 5, 3)),
        (ResidualBranch(branch(), 0.3, "sample", seed=1), ones(8, 5, 3)),
        (ResidualBranch([Dense(3)], 0.3, "batch", seed=1), [ones(8, 2, 3), ones(8, 2, 5)]),
        (ResidualBranch([Dense(3)], 0.3, "sample", seed=1), [ones(8, 2, 3), ones(8, 2, 5)]),
    ],
    ids=name,
)
def test_contract(check_layer, layer, inputs):
    check_layer(layer, inputs)


@pytest.mark.parametrize(
    ("layer", "inputs", "shape"),
    [
        (PeriodicEmbedding(kind="pbld", seed=1), ones(8, 5), (8, 5, 4)),
        (PeriodicEmbedding(kind="plr", seed=1), ones(8, 5), (8, 5, 4)),
        (MemberScale(3, seed=1), ones(8, 5), (8, 3, 5)),
        (EnsembleMean("classification"), ones(8, 3, 5), (8, 5)),
    ],
    ids=name,
)
def test_contract_of_other_shapes(check_layer, layer, inputs, shape):
    check_layer(layer, inputs, shape)


@pytest.mark.parametrize(
    ("layer", "inputs", "reference"),
    [
        (Dropout(0.0), ones(16, 8), None),
        (SpatialDropout(0.0), ones(16, 4, 8), None),
        (DropBlock(0.0, 3), ones(16, 8, 4), None),
        (GaussianNoise(0.0), ones(16, 8), None),
        (StochasticDepth(0.0), [ones(16, 8)] * 2, lambda inputs: 2 * inputs[0]),
        (DropConnect(Dense(3, **ALL_ONES), 0.0), ones(16, 8), lambda x: 9 * x[:, :3]),
        (ResidualBranch([Dense(3, **ALL_ONES)], 0.0, "batch"), ones(64, 3), lambda x: 5 * x),
        (ResidualBranch([Dense(3, **ALL_ONES)], 0.0, "sample"), ones(64, 3), lambda x: 5 * x),
    ],
    ids=name,
)
def test_a_changed_strength_is_live(check_live, layer, inputs, reference):
    strength = "stddev" if isinstance(layer, GaussianNoise) else "rate"
    check_live(layer, strength, 0.5, inputs, reference)


DENSE = Dense(3)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        *[(kind(0.5), lambda x: x) for kind in (Dropout, SpatialDropout, DropBlock, GaussianNoise)],
        (DropConnect(DENSE, 0.5), DENSE),
        (ConcreteDropout(DENSE, 0.5), DENSE),
        (ResidualBranch([DENSE], 0.5), lambda x: x + DENSE(x)),
    ],
    ids=name,
)
def test_inference_is_exact(layer, expected):
    x = np.random.default_rng(0).normal(size=(4, 6, 5, 3)).astype("float32")
    for outputs in (layer(x), layer(x, training=False)):
        np.testing.assert_array_equal(outputs, expected(x))


@pytest.mark.parametrize("layer", [DropBlock(0.0), GaussianNoise(0.0)])
def test_a_strength_of_zero_is_exactly_the_identity_in_training(layer):
    x = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype("float32")
    np.testing.assert_array_equal(layer(x, training=True), x)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan"), "0.5", None, True])
def test_a_rate_out_of_range_is_refused(rate):
    for make in (Dropout, DropBlock, StochasticDepth, lambda rate: DropConnect(DENSE, rate)):
        with pytest.raises(ValueError, match=r"`rate` must be a number in \[0, 1\). Received: ra"):
            make(rate)
    layer = Dropout(0.5)
    with pytest.raises(ValueError, match="Received: rate="):
        layer.rate = rate
    assert layer.rate == 0.5


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (DropBlock, (0.1, 0), "`block_size` must be an integer >= 1. Received: "),
        (DropBlock, (0.1, 2.5), "`block_size` must be an integer >= 1. Received: "),
        (GaussianNoise, (-0.1,), r"`stddev` must be a number in \[0, inf\). Received: "),
        (DropConnect, (keras.layers.ReLU(), 0.5), "must be a Dense, EinsumDense or Conv layer. R"),
        (DropConnect, (Dense(3, activity_regularizer="l2"), 0.5), "give `activity_regularizer` to"),
        (ConcreteDropout, (keras.layers.ReLU(),), "must be a Dense, EinsumDense or Conv layer. R"),
        (ConcreteDropout, (DENSE, 0.0), r"`initial_rate` must be a number in \(0, 1\)"),
        (ConcreteDropout, (DENSE, 0.1, -1.0), r"`weight_regularizer` must be a number in \[0, inf"),
        (ConcreteDropout, (DENSE, 0.1, 0, 0, -1), r"`temperature` must be a number in \(0, inf\)"),
        (
            ResidualBranch,
            ([], 0.1),
            "`branch` must be a list of at least one layer. Received: branch",
        ),
        (
            ResidualBranch,
            (DENSE, 0.1),
            "`branch` must be a list of at least one layer. Received: branch",
        ),
        (
            ResidualBranch,
            (["dense"], 0.1),
            "`branch` must be a list of at least one layer. Received: branch",
        ),
        (ResidualBranch, ([DENSE], 0.1, "step"), "'batch', 'sample'. Received: per="),
        (ResidualBranch, ([DENSE], 1.0), r"`rate` must be a number in \[0, 1\)"),
    ],
)
def test_wrong_arguments_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(*arguments)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (SpatialDropout(0.5), r"of rank 3 or more. Received: shape \(2, 3\)"),
        (DropBlock(0.1), r"of DropBlock must have rank 3 .* Received: shape \(2, 3\)"),
        (ResidualBranch([Dense(4)], 0.1), r"of the shortcut, \(2, 3\). Received.*\(2, 4\)"),
    ],
)
def test_inputs_of_another_shape_are_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        layer(ones(2, 3))
