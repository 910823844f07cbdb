import keras
import numpy as np
import pytest

from occam.zoo import layers
from occam.zoo.models.blocks.layer_scale import LayerScale


def dense():
    return keras.layers.Dense(6, activation="relu", name="dense")


def added(x):
    return keras.layers.Add()([x, dense()(x)])


# Each layer of ours, and what Keras would compute in its place at inference.
PAIRS = {
    "StochasticDepth": (lambda x: layers.StochasticDepth(0.3)([x, dense()(x)]), added),
    "ResidualBranch, one input": (lambda x: layers.ResidualBranch([dense()], 0.3)(x), added),
    "ResidualBranch, two inputs": (
        lambda x: layers.ResidualBranch([dense()], 0.3, per="sample")([x, x]),
        added,
    ),
    "DropConnect": (lambda x: layers.DropConnect(dense(), 0.3)(x), lambda x: dense()(x)),
    "ConcreteDropout": (lambda x: layers.ConcreteDropout(dense())(x), lambda x: dense()(x)),
    "DropBlock": (lambda x: layers.DropBlock(0.3, 2)(x), lambda x: x),
    "SpatialDropout": (lambda x: layers.SpatialDropout(0.3)(x), lambda x: x),
    "Dropout": (lambda x: layers.Dropout(0.3)(x), lambda x: x),
    "GaussianNoise": (lambda x: layers.GaussianNoise(0.3)(x), lambda x: x),
    "LayerScale": (lambda x: LayerScale(1.0)(x), lambda x: x),
}


def model(layer):
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 6, mask_zero=True)(tokens)
    return keras.Model(tokens, keras.layers.LSTM(3)(layer(x)))


def shared(weights):
    return [w for w in weights if not w.path.endswith(("/logit", "/gamma"))]


@pytest.mark.parametrize("name", PAIRS)
def test_padding_changes_nothing(name):
    ours, expected = map(model, PAIRS[name])
    for weight, value in zip(
        shared(ours.trainable_weights), expected.trainable_weights, strict=True
    ):
        weight.assign(keras.ops.convert_to_numpy(value))  # on JAX, two models cannot share an array
    tokens = np.array([[1, 2, 3]])
    padded = np.array([[1, 2, 3, 0, 0]])
    answers = [m.predict(x, verbose=0) for m in (ours, expected) for x in (tokens, padded)]
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


def test_every_layer_is_in_the_table():
    named = {name.split(",")[0] for name in PAIRS}
    public = {name for name in layers.__all__ if isinstance(getattr(layers, name), type)}
    assert {name for name in public if issubclass(getattr(layers, name), keras.Layer)} <= named


def test_a_branch_without_a_mask_leaves_the_sum_without_one_as_in_add():
    x = keras.layers.Embedding(9, 6, mask_zero=True)(keras.Input((4,), dtype="int32"))
    pair = [x, keras.Input((4, 6))]
    for layer in (keras.layers.Add(), layers.StochasticDepth(0.1)):
        assert getattr(layer(pair), "_keras_mask", None) is None


def test_a_layer_that_cannot_take_a_mask_still_warns_when_wrapped():
    x = keras.layers.Embedding(9, 6, mask_zero=True)(keras.Input((4,), dtype="int32"))
    with pytest.warns(UserWarning, match="does not support masking"):
        layers.DropConnect(keras.layers.Conv1D(3, 2), 0.1)(x)
