import dataclasses
import json
import os
import shlex
import sys
from types import SimpleNamespace

import pytest

from occam.cli.command import DataFlags
from occam.cli.main import _parse
from occam.cli.tune import TuneCommand, _live, _values
from occam.tuning.progress import Progress
from occam.zoo import Regularization, Run
from occam.zoo.training.budget import Budget


@pytest.mark.slow
def test_the_last_line_trains_the_choice(inside, tmp_path):
    data = ["--data", "digits", "--batch-size", "100"]
    search = ["--space", "l2", "--base", "light", "--max-trials", "1", "--seeds", "1"]
    search += ["--search", "batch_size", "[200]", "learning_rate", "0.01:0.02", "units", "[[8,9]]"]
    length = ["--epochs", "2", "--learning-rate", "0.01"]
    tuned = inside("tune", "mlp", *data, *search, *length, "--directory", "my search")
    assert tuned.returncode == 0, tuned.stderr
    head, first, empty, chosen, arguments, where, *_, last = tuned.stdout.splitlines()
    names = ["batch_size", "learning_rate", "units"]
    assert head.split() == ["trial", "val_refined_loss", "val_accuracy", *names, "l2"]
    assert first.startswith("*   0  ")
    assert (empty, chosen[:23]) == ("", "chosen: Regularization(")
    assert arguments.strip() == "batch_size=200, learning_rate=0.01, units=[8, 9]"
    assert where == "search: my search, with the choice in winner.json"
    winner = json.loads((tmp_path / "my search" / "winner.json").read_text())
    program, *command = shlex.split(last)
    assert program == "occam"
    trained = inside(*command)
    assert trained.returncode == 0, trained.stderr
    run = Run.load(tmp_path / "my search-winner")
    assert run.regularization == Regularization.from_dict(winner["regularization"])
    assert run.regularization.on()
    assert run.config["data"]["arguments"]["batch_size"] == 200
    assert run.config["training"]["learning_rate"] == 0.01
    assert run.config["model"]["options"]["units"] == [8, 9]
    assert run.result["refit"]
    assert "test" in run.result


def test_the_command_keeps_all_flags_of_the_data(tmp_path):
    flags = DataFlags(
        data="my houses.csv",
        data_dir="~/data sets",
        batch_size=8,
        data_seed=3,
        validation_fraction=0.2,
        standardize="robust",
        image_size=(8, 16),
        on_error="skip",
        target=("price", "it's rent"),
        drop=("id",),
        columns={"built": "date", "town": "category"},
        weight="n",
        split="group:town",
        validation="val.csv",
        test="test.csv",
        task="regression",
        class_weight="balanced",
    )
    command = TuneCommand(model="mlp", directory=tmp_path / "a", **vars(flags), seed=4)
    regularization = Regularization(l2=1 / 3000, augmentation="light", dropout=0.1)
    command.options = {"norm": "true"}
    searched = {"learning_rate": 0.02, "units": (8, 9), "batch_size": 16}
    training = {"epochs": 50, "learning_rate": 0.02, "batch_size": 16}
    lengths = [Budget(50, passes, 50 * passes, None) for passes in (1, 3)]
    lines = []
    for length in lengths:
        shared = SimpleNamespace(arguments_of=lambda _: training, budget=lambda _, b=length: b)
        found = SimpleNamespace(
            regularization=regularization, hyperparameters=searched, training=shared
        )
        lines.append(shlex.join(command._train_command(found, refit=False)))
    line, of_several_passes = lines
    assert of_several_passes == line.replace("--epochs 50", "--steps 150")
    parsed = _parse(shlex.split(line)[1:])
    names = [field.name for field in dataclasses.fields(DataFlags)]
    assert {name: getattr(parsed, name) for name in names} == {**vars(flags), "batch_size": 16}
    assert parsed.parsed_options() == {"norm": True, "units": [8, 9]}
    assert (parsed.model, parsed.seed, parsed.epochs, parsed.refit) == ("mlp", 4, 50, "auto")
    assert parsed.learning_rate == 0.02
    assert parsed.log_dir == tmp_path / "a-winner"
    strengths = {n: v for n, v in vars(parsed.strengths).items() if v not in (None, "tier")}
    assert strengths == regularization.on()


def test_values_to_search_are_choices_in_json_or_a_range():
    assert _values("units", "[[64],[64,64]]") == [[64], [64, 64]]
    assert _values("kind", '["a:b"]') == ["a:b"]
    assert _values("learning_rate", "1e-4:1e-2") == (1e-4, 1e-2)
    with pytest.raises(ValueError, match=r"--search rate must have a value in JSON.*: high"):
        _values("rate", "1:high")


@pytest.fixture
def unfinished(tmp_path):
    """Three of five runs of a search: a finalist with two, and a failed one."""
    trials = []
    for number, scores in enumerate([[0.5, 0.7], [None], [0.4], []]):
        values = {"units": 8, "l2 on": number > 0, "dropout on": False}
        values |= {"l2": 1e-4} if number else {}
        trials.append({"trial_id": str(number), "hyperparameters": {"values": values}})
        directory = tmp_path / f"trial_{number}"
        directory.mkdir()
        for run, score in enumerate(scores):
            (directory / f"execution-{run}.json").write_text(json.dumps({"score": score}))
    (tmp_path / "search.json").write_text(json.dumps({"trials": trials}))
    return tmp_path


def test_the_progress_of_a_search_is_read_from_its_files(unfinished):
    progress = Progress(unfinished, runs=8)
    bar, *table = progress.text(60).splitlines()
    assert " 4/8 [" in bar
    assert [line.split() for line in table] == [
        ["trial", "loss", "runs", "units", "l2", "dropout"],
        ["0", "0.6000", "2", "8", "off", "off"],
        ["2", "0.4000", "1", "8", "0.0001", "off"],
    ]
    (unfinished / "trial_3" / "execution-0.json").write_text(json.dumps({"score": 0.1}))
    assert progress.text(60).splitlines()[3].split()[:2] == ["3", "0.1000"]


def test_a_terminal_shows_the_progress(unfinished, monkeypatch):
    terminal, stderr = os.openpty()
    with open(stderr, "w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        shown = ""
        with _live(unfinished, 8):
            for _ in range(100):  # on a busy machine, the first picture takes a while
                file.flush()
                shown += os.read(terminal, 10_000).decode()
                if "l2" in shown:
                    break
    os.close(terminal)
    assert "trial  loss    runs  units  l2      dropout" in shown
    assert "4/8" in shown
