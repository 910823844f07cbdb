"""OCC401 to OCC404: dropout and noise."""

import keras
import numpy as np
import pytest
from keras import layers

from occam import zoo
from occam.zoo import layers as ours

X = np.ones((4, 64), "float32")


def sequential(*inner, shape=(8,)):
    return keras.Sequential([keras.Input(shape), *inner])


def test_two_dropouts_with_one_seed_drop_the_same(paths):
    one, other = layers.Dropout(0.5, seed=7, name="a"), layers.Dropout(0.5, seed=7, name="b")
    model = sequential(one, layers.Dense(8), other)
    np.testing.assert_array_equal(one(X, training=True), other(X, training=True))  # the harm
    assert paths("OCC401", model) == ["b"]
    assert "same random numbers as `a`: both have seed 7" in zoo.lint(model)[0].why


def test_an_image_that_is_turned_when_it_is_flipped(paths):
    flip, turn = layers.RandomFlip("horizontal", seed=7), layers.RandomRotation(0.1, seed=7)
    model = sequential(flip, turn, shape=(8, 8, 1))
    assert paths("OCC401", model) == [turn.name]


def test_both_directions_of_a_recurrent_layer(paths):
    layer = layers.Bidirectional(layers.LSTM(2, dropout=0.5, seed=7), name="both")
    model = sequential(layer, shape=(5, 3))
    assert paths("OCC401", model) == ["both/backward_lstm/lstm_cell"]


@pytest.mark.parametrize(
    "inner",
    [
        [layers.Dropout(0.5, seed=1), layers.Dense(8), layers.Dropout(0.5, seed=2)],
        [layers.Dropout(0.5), layers.Dense(8), layers.Dropout(0.5)],
        [layers.Dropout(0.5, seed=1), layers.GaussianNoise(0.5, seed=1)],  # other distributions
        [ours.Dropout(0.5, seed=1), layers.Dense(8), ours.Dropout(0.5, seed=1)],
        [layers.Dropout(0.0, seed=1), layers.Dropout(0.5, seed=1)],  # the first draws nothing
    ],
)
def test_layers_that_draw_differently(paths, inner):
    assert paths("OCC401", sequential(*inner)) == []


def test_recurrent_layers_that_drop_nothing(paths):
    inner = [
        layers.LSTM(2, seed=1, return_sequences=True),
        layers.Bidirectional(layers.GRU(2, seed=1)),
    ]
    assert paths("OCC401", sequential(*inner, shape=(5, 3))) == []


def test_layers_that_draw_through_layers_within_them(paths):
    first, second = (layers.MultiHeadAttention(2, 2, dropout=0.1, seed=1, name=n) for n in "ab")
    tokens = keras.Input((5, 4))
    x = first(tokens, tokens)
    assert paths("OCC401", keras.Model(tokens, second(x, x))) == ["b"]
    augment = [layers.RandAugment(seed=1, name="a"), layers.RandomFlip(seed=1, name="b")]
    assert paths("OCC401", sequential(*augment, shape=(8, 8, 3))) == ["b"]


def test_a_generator_that_two_layers_share(paths):
    class Noisy(layers.Layer):
        def __init__(self, generator, **kwargs):
            super().__init__(**kwargs)
            self.generator = generator

        def call(self, inputs, training=False):
            return inputs

    generator = keras.random.SeedGenerator(1)
    inner = [Noisy(generator), Noisy(generator), layers.Dropout(0.1, seed=1, name="drop")]
    assert paths("OCC401", sequential(*inner)) == ["drop"]


def test_shared_layers_and_inner_layers_draw_as_one(paths):
    shared, inputs = layers.Dropout(0.5, seed=1), keras.Input((8,))
    model = keras.Model(inputs, shared(layers.Dense(8)(shared(inputs))))
    assert paths("OCC401", model) == []
    assert paths("OCC401", sequential(layers.RandAugment(seed=1), shape=(8, 8, 3))) == []
    tokens = keras.Input((5, 4))
    attention = layers.MultiHeadAttention(2, 2, dropout=0.1, seed=1)
    assert paths("OCC401", keras.Model(tokens, attention(tokens, tokens))) == []


def test_batch_norm_behind_dropout_learns_another_variance(paths):
    norm = layers.BatchNormalization(momentum=0.5, name="norm")
    model = sequential(layers.Dropout(0.5, name="drop"), norm, shape=(64,))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x = np.random.default_rng(0).normal(size=(2560, 64)).astype("float32")
    model.fit(x, x, batch_size=256, verbose=0)
    variance = model.predict(x, verbose=0).var()
    assert variance == pytest.approx(0.5, abs=0.05)  # the harm: 1 without the dropout
    assert paths("OCC402", model) == ["drop"]


BEFORE = [
    *(layers.Dropout(0.1), layers.GaussianDropout(0.1), layers.SpatialDropout2D(0.1)),
    *(ours.Dropout(0.1), ours.SpatialDropout(0.1), ours.DropBlock(0.1, 3)),
]


@pytest.mark.parametrize("dropout", BEFORE, ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize("between", [[], [layers.ReLU(), layers.Reshape((64, 1, 2))]])
def test_dropout_before_batch_norm(paths, dropout, between):
    model = sequential(dropout, *between, layers.BatchNormalization(), shape=(8, 8, 2))
    assert paths("OCC402", model) == [dropout.name]


@pytest.mark.parametrize(
    "inner",
    [
        [layers.BatchNormalization(), layers.Dropout(0.1)],
        [layers.Dropout(0.1), layers.Dense(8), layers.BatchNormalization()],  # not directly
        [layers.Dropout(0.1), layers.LayerNormalization()],
        [layers.AlphaDropout(0.1), layers.BatchNormalization()],  # it keeps the variance
        [layers.Dropout(0.0), layers.BatchNormalization()],
        [ours.Dropout(0.0), layers.BatchNormalization()],
        [layers.Dropout(0.1), layers.BatchNormalization(trainable=False)],
    ],
)
def test_no_shift_of_the_variance(paths, inner):
    assert paths("OCC402", sequential(*inner)) == []


def test_across_the_border_of_a_nested_model(paths):
    front = sequential(layers.Dense(8), layers.Dropout(0.1, name="drop"))
    back = sequential(layers.BatchNormalization(), layers.Dense(8))
    inputs = keras.Input((8,))
    model = keras.Model(inputs, back(front(inputs)))
    assert paths("OCC402", model) == [f"{front.name}/drop"]
    assert paths("OCC402", keras.Model(inputs, front(back(inputs)))) == []


def test_operations_between(paths):
    inputs = keras.Input((8,))
    x = layers.Dropout(0.1, name="drop")(layers.Dense(8)(inputs))
    norm = layers.BatchNormalization()
    assert paths("OCC402", keras.Model(inputs, norm(keras.ops.relu(x)))) == ["drop"]
    assert paths("OCC402", keras.Model(inputs, norm(keras.ops.matmul(x, np.eye(8))))) == []
    assert paths("OCC403", keras.Model(inputs, keras.ops.softmax(x))) == ["drop"]


@pytest.mark.parametrize("other", [layers.BatchNormalization(), layers.Dense(8)])
def test_before_one_or_two_branches_it_is_found_once(paths, other):
    inputs = keras.Input((8,))
    dropped = layers.Dropout(0.1, name="drop")(inputs)
    outputs = layers.BatchNormalization()(dropped), other(dropped)
    assert paths("OCC402", keras.Model(inputs, outputs)) == ["drop"]


@pytest.mark.parametrize(
    "tail",
    [
        [layers.Dropout(0.1, name="drop")],
        [layers.Dropout(0.1, name="drop"), layers.Softmax()],
        [ours.Dropout(0.1, name="drop"), layers.Reshape((2, 2)), layers.Activation("sigmoid")],
    ],
)
def test_dropout_after_the_last_layer(paths, tail):
    assert paths("OCC403", sequential(layers.Dense(4), *tail)) == ["drop"]
    inputs = keras.Input((8,))
    nested = sequential(layers.Dense(4), *tail)
    assert paths("OCC403", keras.Model(inputs, nested(inputs))) == [f"{nested.name}/drop"]


@pytest.mark.parametrize(
    "inner",
    [
        [layers.Dropout(0.1), layers.Dense(4)],
        [layers.Dropout(0.1), layers.Dense(4), layers.Softmax()],
        [layers.Dense(4), layers.Dropout(0.0)],
    ],
)
def test_dropout_before_the_last_layer(paths, inner):
    assert paths("OCC403", sequential(*inner)) == []


RATES = [
    *(layers.Dropout(0.8), layers.AlphaDropout(0.9), layers.SpatialDropout1D(1.0)),
    *(ours.Dropout(0.8), ours.DropConnect(layers.Dense(2), 0.8)),
    ours.ResidualBranch([layers.Dense(4)], 0.9),
]


@pytest.mark.parametrize("layer", RATES, ids=lambda layer: type(layer).__name__)
def test_high_rates(paths, layer):
    model = sequential(layer, layers.Dense(2), shape=(5, 4))
    assert paths("OCC404", model) == [layer.name]


def test_high_rates_within_layers(paths):
    model = sequential(layers.LSTM(2, recurrent_dropout=0.9, name="lstm"), shape=(5, 3))
    assert paths("OCC404", model) == ["lstm/lstm_cell"]
    assert "`recurrent_dropout` is 0.9" in zoo.lint(model)[0].why
    tokens = keras.Input((5, 4))
    attention = layers.MultiHeadAttention(2, 2, dropout=0.9, name="mha")
    assert paths("OCC404", keras.Model(tokens, attention(tokens, tokens))) == ["mha/dropout"]
    steps = layers.ConvLSTM1D(2, 3, dropout=0.9, name="steps")
    found = paths("OCC404", sequential(steps, shape=(5, 8, 1)))
    assert found == [f"steps/{steps.cell.name}"]
    two = ours.StochasticDepth(0.85, name="depth")([tokens, layers.Dense(4)(tokens)])
    assert paths("OCC404", keras.Model(tokens, two)) == ["depth"]


def test_usual_rates(paths):
    inner = [layers.Dropout(0.79), ours.Dropout(0.5), ours.DropConnect(layers.Dense(2), 0.1)]
    assert paths("OCC404", sequential(*inner, layers.Dense(2))) == []
    model = sequential(layers.LSTM(2, dropout=0.2, recurrent_dropout=0.2), shape=(5, 3))
    assert paths("OCC404", model) == []


def test_a_rate_that_is_changed_is_seen(paths):
    layer = ours.Dropout(0.1, name="drop")
    model = sequential(layer, layers.Dense(2))
    assert paths("OCC404", model) == []
    layer.rate = 0.9
    assert paths("OCC404", model) == ["drop"]
