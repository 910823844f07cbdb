import pytest

from occam import exports
from occam.exports.gates import GATES, GateResult, run_gates


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


def test_gates_have_distinct_names():
    names = {gate.__module__.rpartition(".")[2] for gate in GATES}
    assert len(names) == len(GATES) == 13
