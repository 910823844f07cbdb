import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from occam import exports
from occam.exports.gates.purity import batches, determinism, purity, state

SEEDED = {
    "x": tf.TensorSpec((None, 2), tf.float32, "x"),
    "seed": tf.TensorSpec((None,), tf.int64, "seed"),
}


@tf.function
def nested(x):
    return x + tf.random.uniform(tf.shape(x))


def counted(x):
    """Count requests in a table."""
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
def test_impure_operations_are_found_in_every_function(function, message, write, module):
    def answer(m, x):
        return module.answer(m, tf.ensure_shape(function(m, x), (None, 2)))

    result = purity(write(answer))
    assert not result.passed
    assert re.search(f"'serving_default' must be .* operation {message}", result.detail)


def test_every_signature_is_searched(write, module):
    def noisy(m, features):
        return {"y": features["x"] + tf.random.normal((1, 2))}

    spec = {"x": tf.TensorSpec((None, 2), tf.float32, "x")}
    result = purity(write(others={"noisy": (noisy, spec)}))
    assert "'noisy' must be a pure function" in result.detail


def test_a_seeded_signature_may_draw_without_state_only(write):
    def stateless(m, features):
        noise = tf.random.stateless_normal((1, 2), tf.stack([features["seed"][0], 0]))
        return {"y": features["x"] + noise}

    def stateful(m, features):
        return {"y": stateless(m, features)["y"] + tf.random.normal((1, 2))}

    assert purity(write(others={"u": (stateless, SEEDED)})).passed
    assert "RandomStandardNormal" in purity(write(others={"u": (stateful, SEEDED)})).detail


def test_a_pure_graph_passes_though_restoring_it_assigns(good):
    assert re.search(b"AssignVariableOp", (good.path / "saved_model.pb").read_bytes())
    assert purity(good).passed


class Counting(keras.layers.Layer):
    """A layer that counts its calls, also in inference."""

    def build(self, input_shape):
        self.calls = self.add_weight(shape=(), trainable=False, initializer="zeros")

    def call(self, inputs):
        self.calls.assign_add(1.0)
        return inputs


class Learning(keras.layers.BatchNormalization):
    """A layer that is always in training mode."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=True, mask=mask)


class Drawing(keras.layers.GaussianNoise):
    """A layer that always adds noise."""

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
        exports.export(model, tmp_path, task="classification")
    assert not list(tmp_path.iterdir())


def test_a_clock_is_found(write, module):
    def answer(m, x):
        fraction = tf.cast(tf.timestamp() * 1e4 % 1, tf.float32)
        return module.answer(m, x + tf.stack([fraction, 0.0]))

    candidate = write(answer)
    assert purity(candidate).passed
    result = determinism(candidate)
    assert not result.passed
    assert "'serving_default' must answer equal requests alike. Received: " in result.detail


def test_unchanged_variables_pass(good):
    result = state(good)
    assert result.passed
    assert result.figures == {"variables": 1}


def test_a_counter_is_found(write, module):
    def answer(m, x):
        return module.answer(m, x * 0 + m.counter.assign_add(1.0))

    result = state(write(answer))
    assert not result.passed
    assert "No request may change a variable. Received: " in result.detail


def test_a_statistic_of_the_batch_is_found_in_any_signature(write):
    def centered(m, features):
        x = features["x"]
        return {"y": x - tf.reduce_mean(x, axis=0, keepdims=True)}

    spec = {"x": tf.TensorSpec((None, 2), tf.float32, "x")}
    result = batches(write(others={"centered": (centered, spec)}))
    assert not result.passed
    assert "'centered' must answer 1 rows as it does among 64. Received: 'y'" in result.detail


def test_an_empty_batch_never_reaches_the_graph(write, module):
    def answer(m, x):
        with tf.control_dependencies([tf.debugging.assert_positive(tf.shape(x)[0])]):
            return module.answer(m, tf.identity(x))

    candidate = write(answer)
    assert batches(candidate).passed
    assert candidate.predictor.predict(np.zeros((0, 2)))["probabilities"].shape == (0, 3)
    with pytest.raises(tf.errors.InvalidArgumentError):
        candidate.predictor.runtime.answer("serving_default", {"x": np.zeros((0, 2), "float32")})


def test_batch_statistics_in_the_preprocessing_are_refused_by_name(tmp_path):
    def standardized(x):
        return x / tf.reduce_max(x, axis=0, keepdims=True)

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(exports.ExportError, match=r"gate batches: .* as it does among 64"):
        exports.export(model, tmp_path, preprocessing=standardized, task="classification")
    assert not list(tmp_path.iterdir())
