import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from occam import exports
from occam.exports.heads.classification import probabilities


def binary(activation):
    return keras.Sequential([keras.Input((4,)), layers.Dense(1, activation=activation)])


def test_one_unit_stands_for_two_classes(tmp_path):
    model = binary("sigmoid")
    exports.export(model, tmp_path, class_names=["benign", "malignant"])
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    answer = exports.load(tmp_path).predict(x)
    second = model.predict(x, verbose=0)[:, 0]
    np.testing.assert_allclose(answer["probabilities"][:, 1], second, atol=1e-6)
    np.testing.assert_array_equal(answer["label"] == "malignant", second > 0.5)


def test_large_logits_of_one_unit_lose_nothing():
    small, large = np.array(probabilities(tf.constant([[-50.0]]), from_logits=True))[0]
    assert small == 1
    assert large == pytest.approx(np.exp(-50), rel=1e-5)


def test_a_binary_classifier_of_logits_can_be_made_smaller(tmp_path):
    model = binary("linear")
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    exports.export(model, tmp_path, remove_dead_units=True, fold=True, warmup=())
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    answer = exports.load(tmp_path).predict(x)["probabilities"][:, 1]
    logit = model.predict(x, verbose=0)[:, 0]
    np.testing.assert_allclose(answer, 1 / (1 + np.exp(-logit)), atol=1e-6)


def test_outputs_that_are_not_exclusive_are_refused(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="sigmoid")])
    with pytest.raises(exports.ExportError, match="probabilities of exclusive classes"):
        exports.export(model, tmp_path, task="classification", from_logits=False)
