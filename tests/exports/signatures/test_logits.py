import keras
import numpy as np
import pytest
import tensorflow as tf

from occam.exports.classifier import Classifier
from occam.exports.signatures import Logits


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_they_are_what_the_model_says_divided_by_the_temperature(small_model, flowers, temperature):
    classifier = Classifier(small_model, None, None, temperature=temperature)
    answer = Logits().answer(classifier, {"flower": tf.constant(flowers)})["logits"]
    expected = small_model.predict(flowers, verbose=0) / temperature
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)
    probabilities = classifier.probabilities({"flower": tf.constant(flowers)})
    np.testing.assert_allclose(tf.nn.softmax(answer), probabilities, rtol=1e-5)


def test_of_a_model_that_gives_probabilities_they_are_the_logarithms(flowers):
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((4,), name="flower"), dense])
    features = {"flower": tf.constant(flowers)}
    answer = Logits().answer(Classifier(model, None, None), features)["logits"]
    expected = np.log(model.predict(flowers, verbose=0))
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)
    halved = Classifier(model, None, None, temperature=2.0).probabilities(features)
    by_hand = flowers @ dense.kernel.numpy() / 2
    by_hand = np.exp(by_hand) / np.exp(by_hand).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(halved, by_hand, rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("inf"), float("nan")])
def test_a_temperature_is_positive(small_model, temperature):
    with pytest.raises(ValueError, match=r"Expected a temperature > 0\. Received: temp.*="):
        Classifier(small_model, None, None, temperature=temperature)
