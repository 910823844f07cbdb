import keras
import numpy as np
import pytest
import tensorflow as tf

from occam import exports
from occam.exports.served_model import ServedModel


def test_another_backend_is_refused(small_model, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(exports.ExportError, match="backend 'jax', only on TensorFlow"):
        ServedModel(small_model)


def test_only_models_are_exported():
    with pytest.raises(
        exports.ExportError, match=r"`model` must be a keras\.Model\. Received: Dense"
    ):
        ServedModel(keras.layers.Dense(3))


def test_a_preprocessing_layer_does_not_augment():
    turn = keras.layers.RandomFlip()
    model = keras.Sequential([keras.Input((8, 8, 1), name="x"), *_head()])
    plain, turned = (ServedModel(model, layer, task="classification") for layer in (None, turn))
    image = {"x": tf.random.stateless_uniform((16, 8, 8, 1), (1, 2))}
    assert not np.array_equal(turn(image["x"]), image["x"])
    np.testing.assert_array_equal(
        *(served.answers(image)["probabilities"] for served in (turned, plain))
    )


def _head():
    return keras.layers.Flatten(), keras.layers.Dense(3)


def test_the_variables_of_model_and_preprocessing_are_known(small_model):
    normalize = keras.layers.Normalization()
    normalize.build((None, 4))
    paths = {variable.path for variable in ServedModel(small_model, normalize).variables}
    assert {"normalization/mean", "sequential/dense/kernel"} <= paths
