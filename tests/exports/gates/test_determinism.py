import tensorflow as tf

from occam.exports.gates import determinism, purity


def test_the_same_answers_pass(good):
    assert determinism.check(good).passed


def test_a_clock_is_no_random_operation_and_is_found(write, module):
    def answer(m, x):
        fraction = tf.cast(tf.timestamp() * 1e4 % 1, tf.float32)
        return module.answer(m, x + tf.stack([fraction, 0.0]))

    candidate = write(answer)
    assert purity.check(candidate).passed
    result = determinism.check(candidate)
    assert not result.passed
    assert "answer of 'serving_default' to the same request. Received: " in result.detail
