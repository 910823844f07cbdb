import dataclasses

import tensorflow as tf

from occam.exports import Checks
from occam.exports.gates.speed import cost, latency


def test_a_slow_operation_is_found(good, write, module):
    def answer(m, x):
        wait = tf.while_loop(lambda i: i < 2_000, lambda i: (i + 1,), (tf.constant(0),))[0]
        return module.answer(m, x + 0 * tf.cast(wait, tf.float32))

    slow = write(answer, name="2")
    result = latency(
        dataclasses.replace(slow, checks=Checks(baseline_model=good.path, latency_ratio=2.0))
    )
    assert not result.passed
    assert "The latency must be at most 2 times that of the baseline model. Rec" in result.detail
    back = latency(
        dataclasses.replace(good, checks=Checks(baseline_model=slow.path, latency_ratio=2.0))
    )
    assert back.passed
    assert back.figures["ratio"] < 1


def test_cost_is_relative_to_serving_default(write, module):
    spec = {"x": tf.TensorSpec((None, 2), tf.float32, "x")}
    others = {name: (lambda m, f: module.answer(m, f["x"]), spec) for name in ("again", "once")}
    result = cost(write(others=others))
    assert result.passed
    assert set(result.figures) == {"serving_default_seconds", "again", "once"}
    assert min(result.figures.values()) > 0
    again, once = result.figures["again"], result.figures["once"]
    assert result.detail == (
        f"one row, as a multiple of serving_default's time: again {again:.2f}, once {once:.2f}"
    )
