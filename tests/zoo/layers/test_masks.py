"""Padding that is masked changes no answer: our layers hand on the masks that Keras' do."""

import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo import augmentation
from occam.zoo.layers import (
    ConcreteDropout,
    DropBlock,
    DropConnect,
    Dropout,
    EnsembleMean,
    GaussianNoise,
    MemberScale,
    Penalized,
    PeriodicEmbedding,
    ResidualBranch,
    SpatialDropout,
    StochasticDepth,
)
from occam.zoo.models.blocks import LayerScale

layers = keras.layers

SHORT = np.array([[1, 2, 3], [4, 5, 0]])
PADDED = np.pad(SHORT, ((0, 0), (0, 2)))


def dense():
    return layers.Dense(4, name="dense")


def gru():
    return layers.GRU(4, return_sequences=True, name="inner_gru")


def convolution():
    return layers.Conv1D(4, 3, padding="same", name="convolution")


def answers(through):
    """A model `ids -> embedding -> through -> GRU`, and what it says with and without padding."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
    ids = keras.Input((None,), dtype="int32")
    embedded = layers.Embedding(9, 4, mask_zero=True, embeddings_initializer="normal")(ids)
    model = keras.Model(ids, layers.GRU(3)(through(embedded)))
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            random = np.random.default_rng(weight.shape[0])
            weight.assign(random.normal(size=weight.shape))
    return model, np.asarray(model(SHORT)), np.asarray(model(PADDED))


ADDS = {
    "StochasticDepth": lambda x, layer: StochasticDepth(0.2)([x, layer(x)]),
    "ResidualBranch": lambda x, layer: ResidualBranch([layer], 0.2)(x),
    "ResidualBranch of a pair": lambda x, layer: ResidualBranch([layer], 0.2)([x, x]),
    "ResidualBranch per sample": lambda x, layer: ResidualBranch([layer], 0.2, per="sample")(x),
}


@pytest.mark.parametrize("make", [dense, gru])
@pytest.mark.parametrize("ours", ADDS.values(), ids=ADDS)
def test_a_sum_keeps_the_mask_as_add_does(ours, make):
    def theirs(x):
        return layers.Add()([x, make()(x)])

    _, expected, _ = answers(theirs)
    _, short, padded = answers(lambda x: ours(x, make()))
    np.testing.assert_array_equal(short, expected)
    np.testing.assert_allclose(padded, expected, atol=1e-6)


@pytest.mark.parametrize("wrap", [DropConnect, ConcreteDropout])
def test_a_wrapper_keeps_the_mask_of_its_layer(wrap):
    _, expected, _ = answers(lambda x: dense()(x))
    _, short, padded = answers(lambda x: wrap(dense(), 0.2)(x))
    np.testing.assert_array_equal(short, expected)
    np.testing.assert_allclose(padded, expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Layer 'convolution' .* was passed an input with a mask")
@pytest.mark.parametrize(
    "ours",
    [
        lambda x: StochasticDepth(0.2)([x, convolution()(x)]),
        lambda x: ResidualBranch([convolution()], 0.2)(x),
        lambda x: DropConnect(convolution(), 0.2)(x),
    ],
)
def test_no_mask_where_a_layer_inside_destroys_it(ours):
    x = layers.Embedding(9, 4, mask_zero=True)(PADDED)
    assert mask(ours(x)) is None


IDENTITIES = [
    Dropout(0.2),
    GaussianNoise(0.2),
    DropBlock(0.2, block_size=2),
    SpatialDropout(0.2),
    LayerScale(1.0),
    augmentation.FeatureNoise(0.2),
    augmentation.RandomScale1D(0.2),
    augmentation.Pipeline([augmentation.FeatureNoise(0.2)]),
]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("layer", IDENTITIES, ids=lambda layer: type(layer).__name__)
def test_layers_that_change_values_only_keep_the_mask(layer, training):
    x = layers.Embedding(9, 4, mask_zero=True)(PADDED)
    np.testing.assert_array_equal(mask(layer(x, training=training)), PADDED != 0)


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_the_mask_of_a_sum_is_kept_in_training(per):
    x = layers.Embedding(9, 4, mask_zero=True)(PADDED)
    layer = ResidualBranch([dense()], 0.5, per=per)
    np.testing.assert_array_equal(mask(layer(x, training=True)), PADDED != 0)


@pytest.mark.parametrize(
    "add", [lambda *pair: layers.Add()(list(pair)), lambda x, y: x + y], ids=["Add", "operator"]
)
def test_surgery_puts_stochastic_depth_in_place_of_a_sum_of_masked_series(add):
    model, _, expected = answers(lambda x: add(x, dense()(x)))
    made, _ = zoo.regularize(model, zoo.Regularization(stochastic_depth=0.5), seed=0)
    assert any(isinstance(layer, StochasticDepth) for layer in made.layers)
    np.testing.assert_array_equal(made(PADDED), expected)


def test_every_layer_is_tested_here():
    public = {getattr(zoo.layers, name) for name in zoo.layers.__all__}
    classes = {kind for kind in public if isinstance(kind, type)}
    tested = {StochasticDepth, ResidualBranch, DropConnect, ConcreteDropout, Penalized}
    without_steps = {EnsembleMean, MemberScale, PeriodicEmbedding}  # in their outputs
    assert classes <= tested | without_steps | {type(layer) for layer in IDENTITIES}


def mask(x):
    return getattr(x, "_keras_mask", None)
