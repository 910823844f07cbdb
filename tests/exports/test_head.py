import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from occam import exports
from occam.exports.head import means_logits, output_units, probabilities


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


def test_the_last_layer_of_a_nested_model_counts():
    inner = keras.Sequential([keras.Input((5,)), layers.Dense(3, activation="softmax")])
    assert means_logits(model_with(inner), 3) is False


@pytest.mark.parametrize(
    ("last", "units", "message"),
    [
        (layers.Dense(3, activation="tanh"), 3, "softmax .* Received: Dense '.*' with tanh"),
        (layers.Dense(3, activation="sigmoid"), 3, "output of 3 unit.* with sigmoid"),
        (layers.Dense(1, activation="softmax"), 1, "sigmoid .* with softmax"),
        (layers.ReLU(), 5, "Received: ReLU 're_lu' with no activation. If .* from_logits=True"),
    ],
)
def test_another_activation_asks_for_from_logits(last, units, message):
    with pytest.raises(exports.ExportError, match=message):
        means_logits(model_with(last), units)


def test_from_logits_overrules_what_the_layer_says(tmp_path):
    model = model_with(layers.Dense(3), layers.ReLU())
    exports.export(model, tmp_path, from_logits=True)
    answer = exports.load(tmp_path).predict(np.ones((1, 4)))
    np.testing.assert_allclose(answer["probabilities"].sum(), 1, atol=1e-6)


def test_labels_that_do_not_exclude_each_other_are_refused(tmp_path):
    model = model_with(layers.Dense(3, activation="sigmoid"))
    with pytest.raises(exports.ExportError, match="Expected probabilities of exclusive classes"):
        exports.export(model, tmp_path, from_logits=False)


def test_one_unit_stands_for_two_classes(tmp_path):
    model = model_with(layers.Dense(1, activation="sigmoid"))
    exports.export(model, tmp_path, class_names=["benign", "malignant"])
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    answer = exports.load(tmp_path).predict(x)
    second = model.predict(x)[:, 0]
    np.testing.assert_allclose(answer["probabilities"][:, 1], second, atol=1e-6)
    np.testing.assert_array_equal(answer["label"] == "malignant", second > 0.5)


def test_large_logits_of_one_unit_lose_nothing():
    small, large = np.array(probabilities(tf.constant([[-50.0]]), from_logits=True))[0]
    assert small == 1
    assert large == pytest.approx(np.exp(-50), rel=1e-5)


@pytest.mark.parametrize(
    ("outputs", "received"),
    [
        (lambda x: [layers.Dense(3)(x), layers.Dense(2)(x)], r"\[\(None, 3\), \(None, 2\)\]"),
        (lambda x: {"a": layers.Dense(3)(x)}, r"{'a': \(None, 3\)}"),
        (lambda x: layers.Reshape((2, 2))(x), r"\(None, 2, 2\)"),
    ],
)
def test_other_outputs_are_refused(outputs, received):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, outputs(inputs))
    message = (
        rf"one output of shape \(batch, classes\). Received: 'functional.*' with .* {received}"
    )
    with pytest.raises(exports.ExportError, match=message):
        output_units(model, inputs)
