import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from occam import exports
from occam.exports.gates import purity

SEEDED = {
    "x": tf.TensorSpec((None, 2), tf.float32, "x"),
    "seed": tf.TensorSpec((None,), tf.int64, "seed"),
}


@tf.function
def nested(x):
    return x + tf.random.uniform(tf.shape(x))


def counted(x):
    """Counts its requests in a table."""
    table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, 0.0)
    table.insert(tf.zeros(1, tf.int64), tf.ones(1))
    return x + table.lookup(tf.zeros(1, tf.int64))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda m, x: counted(x), "LookupTableInsertV2 .* changes a lookup table"),
        (lambda m, x: x + m.counter.assign_add(1.0), "AssignAddVariableOp .* changes a variable"),
        (lambda m, x: tf.random.shuffle(x), "RandomShuffle .* draws random numbers"),
        (lambda m, x: x + tf.random.stateless_normal((1, 2), (1, 2)), "StatelessRandomNormal"),
        (lambda m, x: nested(x), r"RandomUniform \(node .* in __inference_nested_\d+\)"),
        (lambda m, x: tf.cond(x[0, 0] > 0, lambda: nested(x), lambda: x), "RandomUniform"),
        (lambda m, x: tf.map_fn(lambda a: a * tf.random.normal(()), x), "RandomStandardNormal"),
        (lambda m, x: tf.numpy_function(np.abs, [x], tf.float32), "PyFunc .* Python process"),
    ],
)
def test_an_impure_graph_is_refused_wherever_it_hides(function, message, write, module):
    def answer(m, x):
        return module.answer(m, tf.ensure_shape(function(m, x), (None, 2)))

    result = purity.check(write(answer))
    assert not result.passed
    assert re.search(f"'serving_default' to be .* operation {message}", result.detail)


def test_every_signature_is_searched(write, module):
    def noisy(m, features):
        return {"y": features["x"] + tf.random.normal((1, 2))}

    spec = {"x": tf.TensorSpec((None, 2), tf.float32, "x")}
    result = purity.check(write(others={"noisy": (noisy, spec)}))
    assert "Expected 'noisy' to be a pure function" in result.detail


def test_a_seeded_signature_may_draw_without_state_and_not_with(write):
    def stateless(m, features):
        noise = tf.random.stateless_normal((1, 2), tf.stack([features["seed"][0], 0]))
        return {"y": features["x"] + noise}

    def stateful(m, features):
        return {"y": stateless(m, features)["y"] + tf.random.normal((1, 2))}

    assert purity.check(write(others={"u": (stateless, SEEDED)})).passed
    assert "RandomStandardNormal" in purity.check(write(others={"u": (stateful, SEEDED)})).detail


def test_a_pure_graph_passes_though_restoring_it_assigns(good):
    assert re.search(b"AssignVariableOp", (good.path / "saved_model.pb").read_bytes())
    assert purity.check(good).passed


class Counting(keras.layers.Layer):
    """Counts its calls, in training and in serving."""

    def build(self, input_shape):
        self.calls = self.add_weight(shape=(), trainable=False, initializer="zeros")

    def call(self, inputs):
        self.calls.assign_add(1.0)
        return inputs


class Learning(keras.layers.BatchNormalization):
    """In training mode, whatever it is told."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=True, mask=mask)


class Drawing(keras.layers.GaussianNoise):
    """Augments, whatever it is told."""

    def call(self, inputs, training=False):
        return super().call(inputs, training=True)


@pytest.mark.parametrize(
    ("layer", "operation"),
    [
        (Counting(), "Assign"),
        (Learning(), "Assign"),
        (Drawing(0.5), r"(Assign|Stateless|Random)"),
    ],
)
def test_a_layer_that_trains_in_serving_is_refused_by_name(layer, operation, tmp_path):
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(3)])
    with pytest.raises(exports.ExportError, match=f"gate purity: .* operation {operation}"):
        exports.export(model, tmp_path)
    assert not list(tmp_path.iterdir())
