import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from occam import exports, zoo
from occam.exports.compression import row_seconds
from occam.exports.inference import Inputs, infer
from occam.exports.served_model import ServedModel


def two_inputs(structure):
    left, right = structure.values() if isinstance(structure, dict) else structure
    joined = keras.layers.Concatenate()([left, keras.layers.Rescaling(1.0)(right)])
    return keras.Model(structure, keras.layers.Dense(3)(joined))


@pytest.mark.parametrize("nesting", ["list", "dict"])
def test_several_inputs_are_given_by_name(nesting, tmp_path):
    left = keras.Input((3,), name="left")
    right = keras.Input((2,), name="right", dtype="int32")
    model = two_inputs([left, right] if nesting == "list" else {"left": left, "right": right})
    published = exports.export(model, tmp_path, task="classification")
    assert published.inputs["right"] == tf.TensorSpec((None, 2), tf.int32, "right")
    features = {"left": np.ones((4, 3), "float32"), "right": np.array([[1, 2]] * 4, "int32")}
    answer = exports.load(tmp_path).predict(features)
    given = list(features.values()) if nesting == "list" else features
    logits = model.predict(given)
    expected = tf.nn.softmax(logits)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-5)


def test_inputs_without_a_name_are_called_inputs():
    one = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    assert list(Inputs.of(one).specs) == ["inputs"]
    two = two_inputs([keras.Input((3,)), keras.Input((2,), name="right")])
    assert list(Inputs.of(two).specs) == ["inputs_0", "right"]


def test_a_fixed_batch_size_is_opened():
    model = keras.Sequential([keras.Input(batch_shape=(7, 3), name="x"), keras.layers.Dense(3)])
    assert Inputs.of(model).specs["x"].shape.as_list() == [None, 3]


@pytest.mark.parametrize("name", ["my-input", "class", "self"])
def test_a_name_that_tensorflow_would_change_or_refuse_is_refused(name):
    model = keras.Sequential([keras.Input((3,), name=name), keras.layers.Dense(3)])
    with pytest.raises(exports.ExportError, match=rf"letter first, .* Received: \['{name}'\]. Re"):
        Inputs.of(model)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.9)
        self.dense = keras.layers.Dense(3)

    def call(self, inputs, training=True):
        return self.dense(self.drop(inputs, training=training))


def test_a_subclassed_model_is_exported_once_it_was_called(tmp_path):
    model = Subclassed()
    with pytest.raises(exports.ExportError, match="'subclassed' without a known input shape"):
        exports.export(model, tmp_path, from_logits=True)
    model(np.zeros((2, 5), "float32"))
    published = exports.export(model, tmp_path, from_logits=True)
    assert published.inputs["inputs"].shape.as_list() == [None, 5]


class TwoArguments(Subclassed):
    def call(self, inputs, others):
        return self.dense(inputs) + others


def test_a_subclassed_model_of_several_inputs_is_refused(tmp_path):
    x = np.zeros((2, 5), "float32")
    model = TwoArguments()
    model(x, x[:, :3])
    with pytest.raises(exports.ExportError, match="with several inputs in a functional model"):
        exports.export(model, tmp_path)


def test_a_sequential_model_without_a_shape_is_refused(tmp_path):
    with pytest.raises(exports.ExportError, match="Sequential 'sequential' without a known"):
        exports.export(keras.Sequential([keras.layers.Dense(3)]), tmp_path)


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
    signatures = ["logits", exports.Embedding("flat")]
    exports.export(model, tmp_path, task="classification", signatures=signatures)
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    predictor = exports.load(tmp_path)
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(predictor.call("logits", x=x)["logits"], expected, atol=1e-6)
    assert predictor.call("embedding", x=x)["embedding"].shape[0] == 4


def test_a_recurrent_preprocessing_is_exported(tmp_path):
    reading = keras.Sequential([keras.Input((5, 2), name="x"), layers.GRU(4, dropout=0.5)])
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
    exports.export(model, tmp_path, preprocessing=reading)
    expected = model.predict(reading.predict(SERIES, verbose=0), verbose=0)
    answer = exports.load(tmp_path).predict(SERIES)["probabilities"]
    np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_a_recurrent_model_still_drops_in_uncertainty(tmp_path):
    keras.utils.set_random_seed(0)
    gru = layers.GRU(4, dropout=0.3, recurrent_dropout=0.4)
    model = keras.Sequential([keras.Input((5, 2), name="x"), gru, layers.Dense(3)])
    exports.export(model, tmp_path, signatures=["uncertainty"], task="classification")
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
    classifier = ServedModel(model, task="classification")
    before = [np.array(variable) for variable in model.variables]
    (seconds,) = row_seconds([classifier.answers], classifier.inputs.specs)
    assert seconds > 0
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_a_wrapper_for_training_is_refused(tmp_path):
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    message = "Received: SharpnessAware .* Export its attribute `model` instead"
    with pytest.raises(exports.ExportError, match=message):
        exports.export(zoo.SharpnessAware(inner), tmp_path)
