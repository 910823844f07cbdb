"""`occam compare`."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from occam import zoo
from occam.callbacks.tensorboard import read_scalars


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two trained configurations, with copies that have other seeds and scores."""
    runs = tmp_path_factory.mktemp("compare") / "runs"
    data = zoo.load_data("sklearn/iris")
    for name, strength in (("none", 0.0), ("dropout", 0.1)):
        regularization = zoo.Regularization(dropout=strength)
        model = zoo.create_model(
            "mlp", data=data, regularization=regularization, seed=0, units=(8,)
        )
        first = runs / f"{name}-0"
        zoo.train(model, data, epochs=1, refit=False, log_dir=first, verbose=0)
        shutil.rmtree(first / "tensorboard")
        for seed in (1, 2):
            path = shutil.copytree(first, runs / f"{name}-{seed}")
            config, result = (
                json.loads((path / file).read_text()) for file in ("config.json", "result.json")
            )
            config["training"]["seed"] = config["model"]["seed"] = seed
            result["test"]["accuracy"] = 0.5 + (0.1 + 0.01 * seed) * (name == "dropout")
            (path / "config.json").write_text(json.dumps(config))
            (path / "result.json").write_text(json.dumps(result))
    return runs


def failed(done):
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_it_prints_tables_and_verdicts_in_80_columns(inside, trained):
    done = inside("compare", trained)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("sklearn/iris, classification: 2 configurations, 6 runs.")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\ndropout=0.1: " in done.stdout
    assert "3 pairs" in done.stdout


def test_several_directories_another_score_part_and_baseline(inside, trained):
    paths = [trained / f"{name}-{seed}" for name in ("none", "dropout") for seed in (1, 2)]
    done = inside("compare", *paths, "--baseline", "dropout=0.1")
    assert "\nnone: accuracy -0.115 ± 0.005 over 2 pairs (worse, p = 0.028)" in done.stdout
    done = inside("compare", *paths, "--baseline", "dropout=0.1", "--confidence", "0.99")
    assert "99% interval" in done.stdout
    assert "none: nothing that 2 pairs could show (accuracy -0.115 ± 0.005" in done.stdout
    done = inside("compare", trained, "--score", "data_loss", "--part", "validation")
    assert "Figures of the validation part" in " ".join(done.stdout.split())
    assert "data_loss, paired differences from none" in done.stdout


def test_json_markdown_picture_and_tensorboard(inside, trained, tmp_path):
    done = inside("compare", trained, "--json", "--plot", "curves.png", "--tensorboard", "board")
    values = json.loads(done.stdout)
    assert values["groups"][1]["settings"] == {"dropout": 0.1}
    assert values["contrasts"][0]["differences"]["accuracy"]["pairs"] == 3
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    assert "val_data_loss/mean" in read_scalars(tmp_path / "board" / "0 none")
    assert inside("compare", trained, "--markdown").stdout.count("| dropout=0.1 |") == 2


def test_a_wrong_argument_is_an_error_of_one_line(inside, trained, tmp_path):
    assert "`runs` must be a list of zoo.Runs, or directories" in failed(inside("compare"))
    assert "runs='nowhere', no such directory" in failed(inside("compare", "nowhere"))
    (tmp_path / "empty").mkdir()
    assert "runs='empty', no run" in failed(inside("compare", trained, "empty"))
    shutil.copytree(trained / "none-0", tmp_path / "unfinished")
    (tmp_path / "unfinished" / "result.json").unlink()
    assert "runs='unfinished', 1 unfinished" in failed(inside("compare", "unfinished"))
    other = shutil.copytree(trained / "none-0", tmp_path / "other")
    text = (other / "config.json").read_text().replace("sklearn/iris", "sklearn/wine")
    (other / "config.json").write_text(text)
    line = failed(inside("compare", trained, "other"))
    assert "`runs` must be of the same data and task. Received: data 'sklearn/iris' in" in line
    assert "`score` must be one of 'accuracy', 'log_loss', 'calibration_error', 'data_loss'" in (
        failed(inside("compare", trained, "--score", "r2"))
    )
    assert "`baseline` must be one of 'dropout=0.1', 'none'" in (
        failed(inside("compare", trained, "--baseline", "l2"))
    )
    assert "Give either `--json` or `--markdown`, not both" in (
        failed(inside("compare", trained, "--json", "--markdown"))
    )
    assert "`path` must be a file named *.png, *.svg, *.pdf" in (
        failed(inside("compare", trained, "--plot", "curves"))
    )
    assert inside("compare", trained, "--part", "train").returncode == 2


def test_a_closed_pipe_is_not_a_failure(trained):
    command = f"{sys.executable} -m occam.cli.main compare {trained} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("sklearn/iris, classification")
