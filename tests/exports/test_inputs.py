import keras
import numpy as np
import pytest
import tensorflow as tf

from occam import exports
from occam.exports.inputs import Inputs


def two_inputs(structure):
    left, right = structure.values() if isinstance(structure, dict) else structure
    joined = keras.layers.Concatenate()([left, keras.layers.Rescaling(1.0)(right)])
    return keras.Model(structure, keras.layers.Dense(3)(joined))


@pytest.mark.parametrize("nesting", ["list", "dict"])
def test_several_inputs_are_given_by_name(nesting, tmp_path):
    left = keras.Input((3,), name="left")
    right = keras.Input((2,), name="right", dtype="int32")
    model = two_inputs([left, right] if nesting == "list" else {"left": left, "right": right})
    published = exports.export(model, tmp_path)
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


def test_a_name_that_tensorflow_would_change_is_refused():
    model = keras.Sequential([keras.Input((3,), name="my-input"), keras.layers.Dense(3)])
    with pytest.raises(exports.ExportError, match=r"letter first. Received: \['my-input'\]. Wrap"):
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


def test_a_sequential_model_without_a_shape_is_refused(tmp_path):
    with pytest.raises(exports.ExportError, match="Sequential 'sequential' without a known"):
        exports.export(keras.Sequential([keras.layers.Dense(3)]), tmp_path)
