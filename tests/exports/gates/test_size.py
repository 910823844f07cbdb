import dataclasses

import numpy as np
import tensorflow as tf

from occam.exports.gates.size import size

VARIABLES = 4 * 6  # the kernel; the counter is not read by anybody, and stored


def test_as_large_as_the_weights_passes(good):
    result = size(good)
    assert result.passed
    assert result.figures["variable_bytes"] in (VARIABLES, VARIABLES + 4)


def test_a_weight_stored_twice_is_found(good):
    result = size(dataclasses.replace(good, weight_bytes=VARIABLES - 1))
    assert "Variables must take at most 23 bytes" in result.detail


def test_a_large_constant_is_found(write, module):
    table = np.random.default_rng(0).normal(size=(600_000,)).astype("float32")
    candidate = write(lambda m, x: module.answer(m, x + tf.gather(tf.constant(table), [[0, 1]])))
    result = size(candidate)
    assert not result.passed
    assert "Look for a large constant in the graph" in result.detail
