import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from occam import exports
from occam.exports.served_model import ServedModel
from occam.exports.signatures import Embedding


def answer(model, x, layer=None, **kwargs):
    served = ServedModel(model, task="outputs", **kwargs)
    (name,) = served.inputs.specs
    return Embedding(layer).answer(served, {name: tf.constant(x)})["embedding"]


def test_the_default_is_the_input_of_the_last_layer(small_model, flowers):
    expected = keras.Model(small_model.inputs, small_model.layers[-3].output).predict(
        flowers, verbose=0
    )
    np.testing.assert_allclose(answer(small_model, flowers), expected, rtol=1e-5)


def test_a_layer_can_be_named(small_model, flowers):
    small_model.layers[1].name = "hidden"
    hidden = keras.Model(small_model.inputs, small_model.get_layer("hidden").output)
    expected = hidden.predict(flowers, verbose=0)
    np.testing.assert_allclose(answer(small_model, flowers, "hidden"), expected, rtol=1e-5)


def test_layers_of_nested_models_are_seen_and_an_activation_alone_is_no_layer(flowers):
    inner = [keras.Input((4,)), layers.Dense(5, name="a"), layers.Dense(2, name="b")]
    backbone = keras.Sequential(inner, name="backbone")
    inputs = keras.Input((4,), name="flower")
    logits = layers.Dense(3)(backbone(inputs))
    model = keras.Model(inputs, layers.Softmax()(logits))
    expected = backbone.predict(flowers, verbose=0)
    np.testing.assert_allclose(answer(model, flowers), expected, rtol=1e-5)
    assert answer(model, flowers, "backbone/a").shape == (5, 5)


def test_it_is_float32_whatever_the_model_computes_in(flowers):
    hidden = [layers.Dense(5, dtype="mixed_float16"), layers.Dense(3)]
    model = keras.Sequential([keras.Input((4,), name="flower"), *hidden])
    assert answer(model, flowers).dtype == tf.float32


def test_an_unknown_layer_is_named(small_model, flowers):
    message = r"needs a layer with one output, one of \['gaussian_noise.*', .*Received: layer='x'"
    with pytest.raises(exports.ExportError, match=message):
        answer(small_model, flowers, "x")


def test_a_linear_model_has_no_embedding(flowers):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    with pytest.raises(exports.ExportError, match=r"layers before the last .* Pass Embedding\("):
        answer(model, flowers)


def test_a_subclassed_model_shows_no_layers(flowers):
    class Opaque(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Opaque()
    model(flowers)
    served = ServedModel(model, from_logits=True)
    with pytest.raises(exports.ExportError, match=r"signature 'embedding': .* functional model"):
        Embedding().answer(served, {"inputs": tf.constant(flowers)})
