import tensorflow as tf

from occam.exports.gates import cost


def test_with_one_signature_there_is_nothing_to_compare(good):
    assert cost.check(good) is None


def test_each_other_signature_is_a_multiple_of_the_default(write, module):
    spec = {"x": tf.TensorSpec((None, 2), tf.float32, "x")}
    others = {name: (lambda m, f: module.answer(m, f["x"]), spec) for name in ("again", "once")}
    result = cost.check(write(others=others))
    assert result.passed
    assert set(result.figures) == {"serving_default_seconds", "again", "once"}
    assert min(result.figures.values()) > 0
    again, once = result.figures["again"], result.figures["once"]
    assert result.detail == (
        f"one row, as a multiple of serving_default's time: again {again:.2f}, once {once:.2f}"
    )
