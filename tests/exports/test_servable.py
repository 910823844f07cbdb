import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from occam.exports.servable import Servable, Traceable

SPECS = {"x": tf.TensorSpec((None, 3), tf.float32, "x")}


def servable_of(function, variables=(), **others):
    """One whose `serving_default` has the single output `y`."""

    def traceable(function):
        return Traceable(lambda features: {"y": function(features)}, SPECS)

    functions = {"serving_default": function, **others}
    traceables = {name: traceable(function) for name, function in functions.items()}
    return Servable(traceables, ("a", "b", "c"), variables)


def test_weights_are_keyed_by_path_and_unread_ones_left_out():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(2, name="head")]
    )
    servable = servable_of(lambda f: model(f["x"]), model.variables)
    assert sorted(servable.weights_by_path) == ["sequential/head/bias", "sequential/head/kernel"]


def test_variables_of_one_path_are_all_kept():
    first, second = (keras.layers.Dense(3, use_bias=False, name="same") for _ in range(2))
    variables = _built_variables(first, second)
    servable = servable_of(lambda f: second(first(f["x"])), variables)
    assert list(servable.weights_by_path) == ["same/kernel", "same/kernel_2"]


def _built_variables(*layers):
    for layer in layers:
        layer.build((None, 3))
    return [variable for layer in layers for variable in layer.variables]


def test_a_variable_of_tensorflow_is_stored_too(tmp_path):
    scale = tf.Variable(tf.constant([1.0, 2.0, 3.0]))
    servable = servable_of(lambda f: f["x"] * scale)
    servable.save(str(tmp_path))
    restored = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    answer = restored(x=tf.ones((1, 3)))
    assert answer["y"].numpy().tolist() == [[1, 2, 3]]


def test_the_shortest_float_dtype_is_the_precision():
    servable = servable_of(lambda f: tf.cast(tf.cast(f["x"], tf.bfloat16), tf.float32))
    assert servable.precision == "bfloat16"


def test_a_weight_that_several_signatures_read_is_stored_once(tmp_path):
    scale = tf.Variable(tf.random.stateless_uniform((3,), (1, 2)))
    servable = servable_of(lambda f: f["x"] * scale, twice=lambda f: 2 * f["x"] * scale)
    servable.save(str(tmp_path))
    shapes = dict(tf.train.list_variables(str(tmp_path / "variables/variables"))).values()
    assert [shape for shape in shapes if shape] == [[3]]
    twice = tf.saved_model.load(str(tmp_path)).signatures["twice"]
    assert twice(x=tf.ones((1, 3)))["y"].numpy().tolist() == [(2 * scale.numpy()).tolist()]


def test_the_method_of_a_signature_is_written(tmp_path):
    def same(f):
        return {"y": f["x"]}

    traceables = {
        "serving_default": Traceable(same, SPECS),
        "classify": Traceable(same, SPECS, "tensorflow/serving/classify"),
    }
    Servable(traceables, ("a", "b", "c"), ()).save(str(tmp_path))
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    signatures = saved.meta_graphs[0].signature_def
    assert signatures["serving_default"].method_name == "tensorflow/serving/predict"
    assert signatures["classify"].method_name == "tensorflow/serving/classify"
