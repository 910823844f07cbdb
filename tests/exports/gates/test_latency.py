import dataclasses

import tensorflow as tf

from occam.exports.gates import latency


def test_without_another_one_there_is_nothing_to_compare(good):
    assert latency.check(good) is None


def test_a_slow_operation_is_found(good, write, module):
    def answer(m, x):
        wait = tf.while_loop(lambda i: i < 2_000, lambda i: (i + 1,), (tf.constant(0),))[0]
        return module.answer(m, x + 0 * tf.cast(wait, tf.float32))

    slow = write(answer, name="2")
    result = latency.check(dataclasses.replace(slow, plain=good.path, latency_ratio=2.0))
    assert not result.passed
    assert "Expected at most 2 times the latency. Received: " in result.detail
    back = latency.check(dataclasses.replace(good, plain=slow.path, latency_ratio=2.0))
    assert back.passed
    assert back.figures["ratio"] < 1
