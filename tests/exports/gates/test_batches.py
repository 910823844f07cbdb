import keras
import numpy as np
import pytest
import tensorflow as tf

from occam import exports
from occam.exports.gates import batches


def test_rows_that_do_not_see_each_other_pass(good):
    result = batches.check(good)
    assert (result.name, result.passed) == ("batches", True)


def test_a_statistic_of_the_batch_is_found_in_any_signature(write):
    def centered(m, features):
        x = features["x"]
        return {"y": x - tf.reduce_mean(x, axis=0, keepdims=True)}

    spec = {"x": tf.TensorSpec((None, 2), tf.float32, "x")}
    result = batches.check(write(others={"centered": (centered, spec)}))
    assert not result.passed
    assert "'centered' to answer 1 rows as it does among 64. Received: 'y'" in result.detail


def test_a_graph_that_fails_on_an_empty_batch_passes_and_is_never_asked_one(write, module):
    def answer(m, x):
        with tf.control_dependencies([tf.debugging.assert_positive(tf.shape(x)[0])]):
            return module.answer(m, tf.identity(x))

    candidate = write(answer)
    assert batches.check(candidate).passed
    empty = candidate.predictor.predict(np.zeros((0, 2)))
    shapes = {name: array.shape for name, array in empty.items()}
    assert shapes == {"probabilities": (0, 3), "class_id": (0,), "label": (0,)}
    with pytest.raises(tf.errors.InvalidArgumentError):
        candidate.predictor.runtime.answer("serving_default", {"x": np.zeros((0, 2), "float32")})


def test_batch_statistics_in_the_preprocessing_are_refused_by_name(tmp_path):
    def standardized(x):
        return x / tf.reduce_max(x, axis=0, keepdims=True)

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(exports.ExportError, match=r"gate batches: .* as it does among 64"):
        exports.export(model, tmp_path, preprocessing=standardized)
    assert not list(tmp_path.iterdir())
