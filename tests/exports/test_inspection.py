import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from occam import exports
from occam.exports.inspection import check_purity


class Counting(keras.layers.Layer):
    """Counts its calls, in training and in serving."""

    def build(self, input_shape):
        self.calls = self.add_weight(shape=(), trainable=False, initializer="zeros")

    def call(self, inputs):
        self.calls.assign_add(1.0)
        return inputs


class Stateful(tf.Module):
    def __init__(self):
        super().__init__()
        self.counter = tf.Variable(tf.zeros(()))


def save(path, function):
    module = Stateful()
    spec = tf.TensorSpec((None,), tf.float32, "x")
    served = tf.function(lambda x: {"y": function(module, x)}, input_signature=[spec])
    tf.saved_model.save(module, str(path), {"serving_default": served.get_concrete_function()})


@tf.function
def nested(x):
    return x + tf.random.uniform(tf.shape(x))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda m, x: x + m.counter.assign_add(1.0), "AssignAddVariableOp .* changes a variable"),
        (lambda m, x: tf.random.shuffle(x), "RandomShuffle .* draws random numbers"),
        (lambda m, x: x + tf.random.stateless_normal((1,), (1, 2)), "StatelessRandomNormal"),
        (lambda m, x: nested(x), r"RandomUniform \(node .* in __inference_nested_\d+\)"),
        (lambda m, x: tf.cond(x[0] > 0, lambda: nested(x), lambda: x), "RandomUniform"),
        (lambda m, x: tf.map_fn(lambda a: a * tf.random.normal(()), x), "RandomStandardNormal"),
        (lambda m, x: tf.numpy_function(np.abs, [x], tf.float32), "PyFunc .* Python process"),
    ],
)
def test_an_impure_graph_is_refused_wherever_it_hides(function, message, tmp_path):
    save(tmp_path, function)
    with pytest.raises(exports.ExportError, match=f"operation {message}"):
        check_purity(tmp_path)


def test_a_pure_graph_passes_though_restoring_it_assigns(tmp_path):
    save(tmp_path, lambda m, x: x * m.counter)
    assert re.search(b"AssignVariableOp", (tmp_path / "saved_model.pb").read_bytes())
    check_purity(tmp_path)


def test_a_layer_that_keeps_count_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((4,)), Counting(), keras.layers.Dense(3)])
    with pytest.raises(exports.ExportError, match=r"Assign\w*VariableOp \(node '.*counting"):
        exports.export(model, tmp_path)
    assert not list(tmp_path.iterdir())
