import sys
import typing
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from occam import zoo
from occam.cli.export import ExportCommand
from occam.exports import LiteRT, signatures
from occam.exports.lookup import choose_formats

TASK = zoo.tasks.Classification(("a", "b"))
TAGS = zoo.tasks.Multilabel(("a", "b"))
PRICE = zoo.tasks.Regression.fit(np.array([1.0, 3.0]), "y", ["price"])
FLAGS = {"run_directory": Path("run"), "directory": Path("exports")}


def kinds():
    classes = (kind for kind in vars(signatures).values() if isinstance(kind, type))
    return {kind.name for kind in classes if kind is not signatures.Signature}


def test_each_signature_has_a_flag_value():
    choices, _ = typing.get_args(typing.get_type_hints(ExportCommand)["signatures"])
    assert {*typing.get_args(choices), "uncertainty", "serving_default"} == kinds()


def test_each_format_has_a_flag_value():
    choices, _ = typing.get_args(typing.get_type_hints(ExportCommand)["formats"])
    names = set(typing.get_args(choices))
    chosen = choose_formats([*names - {"litert_int8"}, LiteRT("int8", calibration={})])
    assert {format.name for format in chosen} == names
    with pytest.raises(ValueError, match="`formats` must be one of") as error:
        choose_formats("none")
    assert all(f"'{name}'" in str(error.value) for name in names - {"litert_int8"})


@pytest.fixture
def exported(monkeypatch):
    """Return the arguments of `export` for a run with the given data and flags."""

    def exported(data, **flags):
        run = SimpleNamespace(
            config={"data": data},
            task=zoo.Task.from_dict(data["task"]),
            load_model=dict,
            load_preprocessing=dict,
            card=dict,
            directory=None,
        )
        run.export = partial(zoo.Run.export, run)
        arguments = {}
        monkeypatch.setattr(zoo.Run, "load", lambda directory: run)
        monkeypatch.setattr(
            sys.modules[zoo.Run.__module__], "export", lambda *_, **kwargs: arguments.update(kwargs)
        )
        ExportCommand(**FLAGS, **flags).run()
        return arguments

    return exported


def test_fewer_bits_are_calibrated_and_judged_on_the_data_of_the_run(digits, exported):
    arguments = exported(digits.to_dict(), formats=("onnx", "litert_int8"))
    onnx, calibrated = arguments["formats"]
    assert (onnx, calibrated.name) == ("onnx", "litert_int8")
    assert calibrated.calibration["features"].shape == (200, 8, 8, 1)
    features, labels = arguments["checks"].data
    assert len(labels) == digits.sizes["validation"]
    drawn = {row.tobytes() for row in features["features"]}
    kept = {row.tobytes() for x, _ in digits.raw("validation").as_numpy_iterator() for row in x}
    assert drawn == kept


def test_one_half_of_the_data_fits_the_sets_and_the_other_checks_them(digits, exported):
    arguments = exported(digits.to_dict(), prediction_sets=0.8)
    sets = arguments["prediction_sets"]
    assert (type(sets).__name__, sets.coverage) == ("PredictionSets", 0.8)
    halves = [sets.data[0]["features"], arguments["checks"].data[0]["features"]]
    fitted, checked = ({row.tobytes() for row in half} for half in halves)
    assert sum(map(len, halves)) == digits.sizes["validation"]
    assert not fitted & checked


def test_flags_become_arguments_without_data(exported):
    flags = {"signatures": ("logits",), "uncertainty": 8, "formats": ("onnx",), "skip_data": True}
    arguments = exported({"task": TASK.to_dict()}, **flags)
    logits, uncertainty = arguments["signatures"]
    assert (logits, uncertainty.samples) == ("logits", 8)
    assert isinstance(uncertainty, signatures.Uncertainty)
    assert arguments["formats"] == ["onnx"]
    assert (arguments["task"], arguments["class_names"]) == ("classification", ("a", "b"))
    assert arguments["checks"].data is None


def test_a_label_is_checked_before_anything_is_done():
    with pytest.raises(ValueError, match=r"`label` must be letters.* Received: label='1st'"):
        ExportCommand(**FLAGS, promote="1st").run()


@pytest.mark.parametrize(
    ("task", "flags"),
    [
        (TASK, {"temperature": "fit"}),
        (TASK, {"formats": ("litert_int8",)}),
        (TAGS, {"thresholds": True}),
        (PRICE, {"intervals": 0.9}),
        (TASK, {"prediction_sets": 0.9}),
    ],
)
def test_some_flags_need_the_data(exported, task, flags):
    with pytest.raises(ValueError, match="omit `--skip-data`"):
        exported({"task": task.to_dict()}, skip_data=True, **flags)


@pytest.mark.parametrize(
    ("task", "flags", "message"),
    [
        (PRICE, {"temperature": "fit"}, "`--temperature` is for classification runs. Received: a"),
        (PRICE, {"thresholds": True}, "is for multilabel runs. Received: a run of regression"),
        (TAGS, {"intervals": 0.9}, "is for regression runs. Received: a run of multilabel"),
        (PRICE, {"prediction_sets": 0.9}, "`--prediction-sets` is for classification runs"),
    ],
)
def test_a_flag_of_another_task_is_refused_before_anything_is_done(exported, task, flags, message):
    with pytest.raises(ValueError, match=message):
        exported({"task": task.to_dict()}, **flags)
