import keras
import pytest
import tensorflow as tf

from occam import exports
from occam.exports.servable import Servable

SPECS = {"x": tf.TensorSpec((None, 3), tf.float32, "x")}


def test_weights_are_keyed_by_path_and_unread_ones_left_out():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(2, name="head")]
    )
    servable = Servable(lambda f: model(f["x"]), SPECS, ("a", "b"), model.variables)
    assert sorted(servable.weights_by_path) == ["sequential/head/bias", "sequential/head/kernel"]


def test_variables_of_one_path_are_all_kept():
    first, second = (keras.layers.Dense(3, use_bias=False, name="same") for _ in range(2))
    servable = Servable(
        lambda f: second(first(f["x"])), SPECS, ("a", "b", "c"), _built_variables(first, second)
    )
    assert list(servable.weights_by_path) == ["same/kernel", "same/kernel_2"]


def _built_variables(*layers):
    for layer in layers:
        layer.build((None, 3))
    return [variable for layer in layers for variable in layer.variables]


def test_a_variable_of_tensorflow_is_stored_too(tmp_path):
    scale = tf.Variable(tf.constant([1.0, 2.0, 3.0]))
    servable = Servable(lambda f: f["x"] * scale, SPECS, ("a", "b", "c"), [])
    servable.save(str(tmp_path))
    restored = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    answer = restored(x=tf.ones((1, 3)))
    assert answer["probabilities"].numpy().tolist() == [[1, 2, 3]]
    assert answer["label"].numpy().tolist() == [b"c"]


def test_the_shortest_float_dtype_is_the_precision():
    servable = Servable(
        lambda f: tf.cast(tf.cast(f["x"], tf.bfloat16), tf.float32), SPECS, ("a", "b", "c"), []
    )
    assert servable.precision == "bfloat16"


def test_a_lookup_table_is_refused():
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1], [1.0]), 0.0)
    message = r"state in variables only\. Received: LookupTableFindV2 on another resource"
    with pytest.raises(exports.ExportError, match=message):
        Servable(lambda f: table.lookup(tf.cast(f["x"], tf.int32)), SPECS, ("a",), [])
