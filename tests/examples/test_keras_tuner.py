"""Run each script for KerasTuner at reduced size, with our tuner and with KerasTuner's own."""

import re
import runpy
from pathlib import Path

import keras_tuner
import pytest

from occam import tuning

SCRIPTS = sorted((Path(__file__).parents[2] / "examples" / "keras_tuner").glob("*.py"))
SIZES = re.compile(r"^(TRIALS, )?EPOCHS = .*", re.M)
LINE = re.compile(r"^# KerasTuner: (tuner = keras_tuner.+)\n(tuner = tuning\.Tuner.+)$", re.M)
LOADS_NO_OPTIMIZER = "ignore:Skipping variable loading for optimizer:UserWarning"


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
@pytest.mark.parametrize(
    "ours",
    [True, pytest.param(False, marks=pytest.mark.filterwarnings(LOADS_NO_OPTIMIZER))],
    ids=["ours", "stock"],
)
def test_a_script_runs_with_either_tuner(script, ours, tmp_path, monkeypatch, capsys):
    text, sizes = SIZES.subn("TRIALS, EPOCHS = 2, 2", script.read_text())
    text, lines = LINE.subn(r"\2" if ours else r"\1", text)
    assert (sizes, lines) == (1, 1)
    variant = tmp_path / script.name
    variant.write_text(text)
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(variant))
    tuner = found["tuner"]
    assert isinstance(tuner, tuning.Tuner) == ours
    assert tuner.oracle.objective.name == ("val_data_loss" if ours else "val_loss")
    assert {trial.status for trial in tuner.oracle.trials.values()} == {"COMPLETED"}
    assert isinstance(tuner.get_best_hyperparameters()[0], keras_tuner.HyperParameters)
    assert tuner.get_best_models()[0].count_params() == found["model"].count_params()
    assert re.search(r"Trial \d+ summary\nHyperparameters:", capsys.readouterr().out)
