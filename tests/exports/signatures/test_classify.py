import keras
import numpy as np
import pytest
import tensorflow as tf

from occam import exports
from occam.exports.served_model import ServedModel
from occam.exports.signatures import Classify


def example(**features):
    """Return a serialized `tf.train.Example`."""
    lists = {}
    for name, values in features.items():
        if np.asarray(values).dtype.kind == "f":
            lists[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            lists[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Example(features=tf.train.Features(feature=lists)).SerializeToString()


def test_scores_are_the_probabilities_in_the_order_of_the_classes(small_model, flowers):
    served = ServedModel(small_model, class_names=["iris", "rose", "lily"])
    examples = tf.constant([example(flower=row) for row in flowers])
    answer = Classify().answer(served, {"inputs": examples})
    np.testing.assert_allclose(
        answer["scores"], served.predict({"flower": flowers})["probabilities"], rtol=1e-5
    )
    assert answer["scores"].dtype == tf.float32
    assert answer["classes"].numpy().tolist() == [[b"iris", b"rose", b"lily"]] * 5


def test_integer_inputs_of_any_rank_are_read_and_checked():
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((2, 2, 1), name="pixels", dtype="uint8"), *layers])
    served = ServedModel(model, task="classification")
    answer = Classify().answer(served, {"inputs": tf.constant([example(pixels=[0, 9, 90, 255])])})
    pixels = np.array([0, 9, 90, 255], "uint8").reshape(1, 2, 2, 1)
    np.testing.assert_allclose(
        answer["scores"], served.predict({"pixels": pixels})["probabilities"], rtol=1e-5
    )
    wrong = tf.constant([example(pixels=[0, 9, 90, 256])])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`pixels` must be uint8\. Received"):
        Classify().answer(served, {"inputs": wrong})


def test_a_missing_feature_is_named(small_model):
    served = ServedModel(small_model)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"flower"):
        Classify().answer(served, {"inputs": tf.constant([example(tree=[1.0])])})


def test_an_input_of_any_length_is_refused():
    pooled = [keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((None, 2), name="series"), *pooled])
    with pytest.raises(exports.ExportError, match=r"fixed size.*Received: 'series' of shape"):
        Classify().inputs(ServedModel(model, task="classification"))
