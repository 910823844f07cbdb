"""`occam train`: what it lets the data decide."""

import json

import pytest


def test_auto_races_the_tiers_and_says_which_one_won(inside, tmp_path):
    command = ("train", "mlp", "--data", "sklearn/iris", "--epochs", 2)
    ran = inside(*command, "--regularization", "auto", "--log-dir", "runs/iris", "--dropout", 0.2)
    assert ran.returncode == 0, ran.stderr
    head, *rows = ran.stdout.splitlines()[:5]
    assert head.split() == ["tier", "loss", "above", "best", "accuracy", "regularization"]
    (winner,) = (row.split()[1] for row in rows if row.startswith("*"))
    assert winner in ("none", "light", "medium", "strong")
    assert (tmp_path / "runs/iris-race/candidate-3-0.npz").exists()
    config = json.loads((tmp_path / "runs/iris/config.json").read_text())
    assert f"dropout={config['regularization']['dropout']}" == "dropout=0.2"
    again = inside(*command, "--regularization", "auto", "--log-dir", "runs/iris", "--dropout", 0.2)
    assert again.stdout == ran.stdout


def test_folds_take_the_place_of_a_validation_part(inside, tmp_path):
    command = ("train", "mlp", "--data", "sklearn/iris", "--epochs", 2, "--validation", "cv:2")
    ran = inside(*command, "--regularization", "none", "--no-rerun", "--log-dir", "run")
    assert ran.returncode == 0, ran.stderr
    assert "validation by cv:2" in ran.stdout
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert result["refit"] is True
    assert result["reruns"] == []
    assert (tmp_path / "run/folds/1/result.json").exists()


@pytest.mark.parametrize(
    ("validation", "expected"),
    [("cv:1", "`validation` must be 'cv:k' or"), ("cv", "For folds, pass validation='cv:5x2'")],
)
def test_odd_folds_are_one_line_on_standard_error(inside, validation, expected):
    ran = inside("train", "mlp", "--data", "sklearn/iris", "--validation", validation)
    assert ran.returncode != 0
    assert expected in ran.stderr
    assert "Traceback" not in ran.stderr


def test_what_is_wrong_is_said_before_the_race(inside, tmp_path):
    ran = inside(
        "train", "mlp", "--data", "sklearn/iris", "--regularization", "auto", "--patience", 0
    )
    assert "`patience` must be" in ran.stderr
    assert "Choosing among" not in ran.stderr
    assert not (tmp_path / "runs").exists()


def test_options_of_the_model_and_robust_scaling(inside, tmp_path):
    command = ("train", "realmlp", "--data", "sklearn/iris", "--epochs", 1)
    options = ("--standardize", "robust", "--options", "units", "[8,8]", "activation", "relu")
    ran = inside(*command, *options, "--log-dir", "run")
    assert "--options activation must have a value in JSON" in ran.stderr
    ran = inside(*command, *options[:-1], '"relu"', "--log-dir", "run")
    assert ran.returncode == 0, ran.stderr
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["model"]["options"]["units"] == [8, 8]
    assert config["data"]["preprocessing"]["class_name"] == "RobustScale"
