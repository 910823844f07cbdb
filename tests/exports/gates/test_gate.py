import keras
import pytest
import tensorflow as tf

from occam import exports
from occam.exports.gates import GATES, GateResult, gates_for, run_gates
from occam.exports.gates.gate import gate, passed


def test_a_good_candidate_passes_and_gates_that_do_not_apply_are_skipped(good):
    names = [result.name for result in run_gates(good)]
    assert names == ["purity", "determinism", "state", "batches", "labels", "size", "loading"]


def test_the_first_failure_is_named_and_ends_the_run(good):
    def closed(candidate):
        return GateResult("closed", False, "It must be spring. Received: winter")

    def never(candidate):
        raise AssertionError("was asked")

    with pytest.raises(exports.ExportError, match=r"^gate closed: It must be spring"):
        run_gates(good, {"none": lambda candidate: None, "closed": closed, "never": never})


def test_each_kind_of_file_has_its_gates():
    every = list(gates_for("saved_model"))
    assert every == [name for name in GATES if name != "agreement"]
    exact = ["determinism", "batches", "parity", "labels", "metric", "coverage"]
    assert list(gates_for("exact_format")) == exact
    approximate = ["determinism", "batches", "labels", "metric", "coverage", "agreement"]
    assert list(gates_for("approximate_format")) == approximate


def test_a_gate_is_registered_by_its_name_and_once(good, monkeypatch):
    monkeypatch.setattr("occam.exports.gates.gate.GATES", {})

    def spring(candidate):
        return passed("it is May", {"month": 5})

    gate("saved_model")(spring)
    assert run_gates(good) == (GateResult("spring", True, "it is May", {"month": 5}),)
    with pytest.raises(ValueError, match="Gate 'spring' is registered already"):
        gate("saved_model")(spring)


@pytest.mark.parametrize("format", [None, "onnx"])
def test_a_gate_that_raises_is_named_in_one_line(write, module, format):
    def answer(m, x):
        with tf.control_dependencies([tf.debugging.assert_less(tf.shape(x)[0], 2, "too many")]):
            return module.answer(m, tf.identity(x))

    name = "onnx/batches" if format else "batches"
    message = rf"^gate {name}: InvalidArgumentError: .*too many"
    with pytest.raises(exports.ExportError, match=message) as caught:
        run_gates(write(answer), {"batches": GATES["batches"].check}, format=format)
    assert isinstance(caught.value.__cause__, tf.errors.InvalidArgumentError)
    assert "\n" not in str(caught.value)


def test_an_export_error_of_a_gate_keeps_its_message(good):
    def check(candidate):
        raise exports.ExportError("no spring")

    with pytest.raises(exports.ExportError, match=r"^gate season: no spring$"):
        run_gates(good, {"season": check})


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
