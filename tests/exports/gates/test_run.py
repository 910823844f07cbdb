import dataclasses
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from occam import exports
from occam.exports.gates import GATES, GateResult, agreement, batches, run_gates


def test_all_gates_that_have_something_to_look_at_are_passed(good):
    names = [result.name for result in run_gates(good) if result.name != "in_c"]
    assert names == ["purity", "determinism", "state", "batches", "labels", "size", "loading"]


def test_the_first_closed_gate_is_named_and_those_after_it_are_not_asked(good):
    def closed(candidate):
        return GateResult("closed", False, "Expected spring. Received: winter")

    def never(candidate):
        raise AssertionError("was asked")

    with pytest.raises(exports.ExportError, match=r"^gate closed: Expected spring\. Received: win"):
        run_gates(good, (lambda candidate: None, closed, never))


def test_gates_have_distinct_names_which_are_those_of_their_modules():
    modules = [sys.modules[gate.__module__] for gate in GATES]
    names = {module.__name__.rpartition(".")[2] for module in modules}
    assert len(names) == len(GATES) == 13
    assert names == {module.NAME for module in modules}


@pytest.mark.parametrize("format", [None, "onnx"])
def test_a_gate_that_raises_is_named_with_its_reason_in_one_line(write, module, format):
    def answer(m, x):
        with tf.control_dependencies([tf.debugging.assert_less(tf.shape(x)[0], 2, "too many")]):
            return module.answer(m, tf.identity(x))

    name = "onnx/batches" if format else "batches"
    message = rf"^gate {name}: InvalidArgumentError: .*too many"
    with pytest.raises(exports.ExportError, match=message) as caught:
        run_gates(write(answer), [batches.check], format=format)
    assert isinstance(caught.value.__cause__, tf.errors.InvalidArgumentError)
    assert "\n" not in str(caught.value)


def test_a_gate_that_refuses_by_an_error_of_ours_keeps_its_message(good):
    data = ({"x": np.ones((2, 2), "float32")}, ["dog", "ant"])
    judged = dataclasses.replace(good, data=data, expected=lambda f: np.ones((2, 3)))
    with pytest.raises(exports.ExportError, match=r"^gate agreement: Expected labels among"):
        run_gates(judged, [agreement.check])


def test_nothing_is_published_when_a_gate_raises(tmp_path):
    class Small(keras.layers.Dense):
        def call(self, inputs):
            tf.debugging.assert_less(tf.shape(inputs)[0], 3, "a batch of 3 or more")
            return super().call(inputs)

    model = keras.Sequential([keras.Input((2,), name="x"), Small(3)])
    message = r"^gate determinism: InvalidArgumentError: .*a batch of 3 or more"
    with pytest.raises(exports.ExportError, match=message) as caught:
        exports.export(model, tmp_path, from_logits=True)
    assert caught.value.__cause__ is not None
    assert not list(tmp_path.iterdir())
