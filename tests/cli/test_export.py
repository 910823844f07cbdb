import typing
from pathlib import Path

from occam.cli.export import Export
from occam.exports import signatures


def kinds():
    classes = (kind for kind in vars(signatures).values() if isinstance(kind, type))
    return {kind.name for kind in classes if kind is not signatures.Signature}


def test_each_signature_can_be_asked_for():
    choices, _ = typing.get_args(typing.get_type_hints(Export)["signatures"])
    assert {*typing.get_args(choices), "uncertainty", "serving_default"} == kinds()


def test_flags_become_signatures():
    flags = {"run_directory": Path("run"), "directory": Path("exports")}
    assert Export(**flags)._signatures() == []
    logits, uncertainty = Export(**flags, signatures=("logits",), uncertainty=8)._signatures()
    assert logits == "logits"
    assert isinstance(uncertainty, signatures.Uncertainty)
    assert uncertainty.samples == 8
