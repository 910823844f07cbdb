import keras
import numpy as np
import pytest
from keras import layers

from occam import exports
from occam.exports.heads.activation import means_logits
from occam.zoo.layers import ConcreteDropout, DropConnect


def model_with(*last):
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, activation="relu", name="hidden"), *last]
    )


@pytest.mark.parametrize(
    ("last", "units", "expected"),
    [
        ([layers.Dense(3)], 3, True),
        ([layers.Dense(3, activation="softmax")], 3, False),
        ([layers.Dense(3), layers.Softmax()], 3, False),
        ([layers.Dense(3), layers.Activation("softmax", dtype="float32")], 3, False),
        ([layers.Dense(3, activation="softmax"), layers.Activation("linear")], 3, False),
        ([layers.Dense(3), layers.Activation("linear", dtype="float32")], 3, True),
        ([layers.Dense(1, activation="sigmoid")], 1, False),
        ([layers.Dense(1)], 1, True),
    ],
)
def test_the_last_activation_tells_logits_from_probabilities(last, units, expected):
    assert means_logits(model_with(*last), units) is expected


class Softened(layers.Wrapper):
    """A wrapper that changes the output of its layer."""

    def call(self, inputs):
        return keras.ops.softmax(self.layer(inputs))


class Beside(layers.Layer):
    """A layer that returns the output of its inner layer, but is no `Wrapper`."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs):
        return self.layer(inputs)


def softmax(units=3):
    return layers.Dense(units, activation="softmax")


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ([layers.SpectralNormalization(layers.Dense(3))], True),
        ([layers.SpectralNormalization(softmax())], False),
        ([DropConnect(softmax(), 0.5)], False),
        ([keras.Sequential([keras.Input((5,)), softmax()])], False),
        ([ConcreteDropout(layers.Dense(3))], True),
        ([DropConnect(layers.Dense(3), 0.5), layers.Softmax()], False),
        ([Beside(layers.SpectralNormalization(softmax()))], False),
        ([Beside(keras.Sequential([layers.Dense(4), layers.Dense(3)]))], True),
        ([softmax(), layers.GaussianNoise(0.1), layers.ActivityRegularization(0.1)], False),
        ([layers.Reshape((1, 5)), layers.TimeDistributed(softmax()), layers.Flatten()], False),
        (
            [
                layers.Reshape((5, 1)),
                layers.TimeDistributed(DropConnect(layers.Dense(3), 0.5)),
                layers.GlobalAveragePooling1D(),
            ],
            True,
        ),
        (
            [
                layers.Reshape((5, 1)),
                layers.TimeDistributed(keras.Sequential([layers.Dense(4), softmax()])),
                layers.GlobalAveragePooling1D(),
            ],
            False,
        ),
        ([layers.Reshape((5, 1, 1)), layers.Conv2D(3, 1), layers.GlobalAveragePooling2D()], True),
    ],
)
def test_a_wrapped_nested_or_pooled_last_layer_is_found(last, expected):
    assert means_logits(model_with(*last), 3) is expected


def test_the_last_operation_counts_like_a_layer():
    inputs = keras.Input((4, 3))
    steps = layers.TimeDistributed(softmax())(inputs)
    assert means_logits(keras.Model(inputs, steps[:, -1]), 3) is False
    logits = layers.Dense(3)(layers.Flatten()(inputs))
    assert means_logits(keras.Model(inputs, keras.ops.softmax(logits)), 3) is False


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ([Softened(layers.Dense(3))], "Received: Softened"),
        ([layers.Reshape((5, 1)), layers.Bidirectional(layers.GRU(3))], "Received: Bidirectional"),
        ([layers.Reshape((5, 1)), softmax(), layers.GlobalMaxPooling1D()], "GlobalMaxPooling1D"),
        ([DropConnect(layers.Dense(3, activation="tanh"), 0.5)], "Received: Dense .* with tanh"),
        ([layers.Dense(3, activation="tanh")], "softmax .* Received: Dense '.*' with tanh"),
        ([layers.Dense(3, activation="sigmoid")], "output of 3 unit.* with sigmoid"),
        ([layers.Dense(1, activation="softmax")], "sigmoid .* with softmax"),
        (
            [layers.ReLU(name="re_lu")],
            "Received: ReLU 're_lu' with no activation. If .* from_logits=True",
        ),
    ],
)
def test_another_activation_or_a_wrapper_that_hides_it_asks_for_from_logits(last, message):
    model = model_with(*last)
    with pytest.raises(exports.ExportError, match=message):
        means_logits(model, model.output_shape[-1])


def test_trying_a_wrapper_changes_no_weight():
    model = model_with(layers.SpectralNormalization(layers.Dense(3)))
    before = [weight.numpy() for weight in model.weights]
    means_logits(model, 3)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_independent_labels_end_in_sigmoids():
    model = model_with(layers.Dense(3, activation="sigmoid"))
    assert means_logits(model, 3, "multilabel") is False
    with pytest.raises(exports.ExportError, match=r"activation sigmoid or linear .* with softmax"):
        means_logits(model_with(softmax()), 3, "multilabel")
