"""Models that would draw random numbers even outside of training, exported all the same."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from occam import exports
from occam.exports.classifier import Classifier
from occam.exports.compression import row_seconds
from occam.exports.inference import infer

SERIES = np.random.default_rng(0).normal(size=(4, 5, 2)).astype("float32")


@pytest.mark.parametrize(
    ("shape", "build"),
    [
        ((5, 2), lambda: layers.GRU(3, dropout=0.5)),
        ((5, 2), lambda: layers.LSTM(3, recurrent_dropout=0.5)),
        ((5, 2), lambda: layers.SimpleRNN(3, dropout=0.5, recurrent_dropout=0.5)),
        ((5, 2), lambda: layers.Bidirectional(layers.LSTM(3, dropout=0.5))),
        ((5, 2), lambda: layers.RNN([layers.GRUCell(3, dropout=0.5), layers.LSTMCell(3)])),
        ((5, 4, 2), lambda: layers.ConvLSTM1D(3, 2, dropout=0.5, recurrent_dropout=0.5)),
    ],
    ids=["gru", "lstm", "simple", "bidirectional", "cells", "convolutional"],
)
def test_a_recurrent_layer_that_drops_is_exported(shape, build, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input(shape, name="x"), build(), layers.Flatten(name="flat"), layers.Dense(3)]
    )
    exports.export(model, tmp_path, signatures=["logits", exports.Embedding("flat")])
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    predictor = exports.load(tmp_path)
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(predictor.call("logits", x=x)["logits"], expected, atol=1e-6)
    assert predictor.call("embedding", x=x)["embedding"].shape[0] == 4


def test_one_that_preprocesses_is_exported(tmp_path):
    reading = keras.Sequential([keras.Input((5, 2), name="x"), layers.GRU(4, dropout=0.5)])
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
    exports.export(model, tmp_path, preprocessing=reading)
    expected = model.predict(reading.predict(SERIES, verbose=0), verbose=0)
    answer = exports.load(tmp_path).predict(SERIES)["probabilities"]
    np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_the_same_model_still_drops_where_it_is_asked_how_sure_it_is(tmp_path):
    keras.utils.set_random_seed(0)
    gru = layers.GRU(4, dropout=0.3, recurrent_dropout=0.4)
    model = keras.Sequential([keras.Input((5, 2), name="x"), gru, layers.Dense(3)])
    exports.export(model, tmp_path, signatures=["uncertainty"])
    answer = exports.load(tmp_path).call("uncertainty", x=SERIES, seed=np.arange(4))
    assert np.all(answer["standard_deviation"] > 0)
    assert (gru.dropout, gru.recurrent_dropout) == (0.3, 0.4)


def test_rates_come_back_also_after_a_failure():
    gru = layers.GRU(4, dropout=0.3, recurrent_dropout=0.4)
    with pytest.raises(ValueError, match="expected ndim=3"):
        infer(gru, tf.ones((2, 3)))
    assert (gru.dropout, gru.recurrent_dropout) == (0.3, 0.4)
    assert infer(layers.Dense(3), tf.ones((2, 3))).shape == (2, 3)  # without a mode of training


def test_timing_a_row_leaves_the_state_of_the_model_alone():
    model = keras.Sequential(
        [keras.Input((7, 2), name="x"), layers.GRU(5, dropout=0.2), layers.Dense(3)]
    )
    classifier = Classifier(model, None, None, None, 1.0)
    before = [np.array(variable) for variable in model.variables]
    (seconds,) = row_seconds([classifier.probabilities], classifier.inputs.specs)
    assert seconds > 0
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
