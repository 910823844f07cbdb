"""The command line as a newcomer meets it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import get_args

import keras
import numpy as np
import pytest

from occam import exports
from occam.cli.command import Tier
from occam.cli.main import COMMANDS
from occam.zoo import Regularization
from occam.zoo.models import TIERS

ENVIRONMENT = {**os.environ, "COLUMNS": "80"}


@pytest.fixture
def occam(data_dir, tmp_path):
    """Runs `occam` in a directory of its own."""

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "occam.cli.main", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**ENVIRONMENT, "TFDS_DATA_DIR": str(data_dir)},
            timeout=300,
        )

    return run


def failed(done):
    """The one line that a failure leaves on standard error."""
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("occam: ")
    return line


def test_help_names_every_command_and_fits_80_columns(occam):
    done = occam("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"• {command}" in done.stdout
    _, *lines = done.stdout.splitlines()  # the usage has all commands in one line
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_defaults(occam, command):
    done = occam(command, "--help")
    assert done.returncode == 0
    assert "--debug" in done.stdout
    assert "(default: " in done.stdout
    assert "pyright" not in done.stdout


def test_the_tiers_are_those_of_the_zoo():
    assert get_args(Tier) == TIERS


def test_flags_are_the_fields_of_the_regularization(inside):
    help_text = inside("train", "--help").stdout
    for name in Regularization.fields():
        assert f"--{name.replace('_', '-')} " in help_text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["trian"],
        ["train"],
        ["train", "mlp", "--log-dir", "x", "--l2", "much"],
        ["data", "--seeed", "1"],
    ],
)
def test_wrong_usage_exits_with_2_and_explains_on_standard_error(occam, arguments):
    done = occam(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "--help" in done.stderr


def test_version(occam):
    assert occam("--version").stdout.startswith("occam 0.")


def test_models(inside):
    done = inside("models", "*resnet*0")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        *("model", "resnet110", "resnet20", "wide_resnet28_10")
    ]
    assert max(map(len, lines)) <= 100
    assert "He et al. 2015" in done.stdout
    assert done.stderr == ""
    card = inside("models", "resnet1d").stdout
    for fact in ("32,106", "width=32", "stochastic_depth", "Wang, Yan & Oates", "strong", "Conv1D"):
        assert fact in card
    tier = inside("models", "mlp", "--regularization", "strong").stdout
    for fact in ("Dropout(rate=0.2)", "augmentation, series", "RandomShift1D(max_shift=6"):
        assert fact in tier
    assert "need the name of one model" in failed(inside("models", "--regularization", "light"))
    assert "No model matches 'x*'" in failed(inside("models", "x*"))


def test_a_picture_of_a_model_needs_graphviz(inside, tmp_path):
    done = inside("models", "cnn1d", "--png", "cnn1d.png")
    if shutil.which("dot"):
        assert (tmp_path / "cnn1d.png").stat().st_size > 10_000
    else:
        assert "needs the command `dot` of graphviz" in failed(done)


def test_failures_are_one_line_on_standard_error(inside, tmp_path):
    assert "Did you mean 'mlp'?" in failed(inside("models", "mpl"))
    assert "missing.npz" in failed(inside("data", "missing.npz"))
    assert "nowhere holds no finished run" in failed(inside("export", "nowhere", "exports"))
    assert "nowhere: the directory does not exist" in failed(inside("predict", "nowhere", "x.npz"))
    assert "does not support stochastic_depth" in failed(
        inside("train", "mlp", "--data", "digits", "--log-dir", "run", "--stochastic-depth", "0.1")
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_samples_gets_a_header_and_no_accuracy(inside, tmp_path):
    layers = [keras.Input((6, 6, 1)), keras.layers.Conv2D(2, 3), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(2)])
    exports.export(model, tmp_path / "exports", task="classification")
    np.savez(tmp_path / "none.npz", x=np.zeros((0, 6, 6, 1)), y=np.zeros(0, int))
    assert inside("predict", "exports", "none.npz").stdout.split() == ["label,0,1"]
    scored = inside("predict", "exports", "none.npz", "--labels", "y")
    assert "has no samples to compare" in failed(scored)


def test_debug_shows_the_traceback(occam):
    done = occam("models", "mpl", "--debug")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr


def test_a_closed_pipe_is_not_a_failure(data_dir):
    command = f"{sys.executable} -m occam.cli.main models mlp | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mlp:")


@pytest.mark.slow
def test_ctrl_c_ends_quietly_and_the_run_can_be_resumed(data_dir, tmp_path):
    log_dir = tmp_path / "run"
    command = [sys.executable, "-m", "occam.cli.main", "train", "mlp", "--data", "digits"]
    command += ["--log-dir", str(log_dir), "--epochs", "500", "--patience", "500"]
    environment = {**ENVIRONMENT, "TFDS_DATA_DIR": str(data_dir)}
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # A shell starts background jobs with SIGINT ignored, and processes inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.time() + 300
    while not (log_dir / "state.npz").exists():
        assert process.poll() is None
        assert time.time() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "\noccam: interrupted\n" in error
    assert "Traceback" not in error
    assert (log_dir / "state.npz").exists()


@pytest.mark.slow
def test_the_whole_way_on_digits(occam, tmp_path):
    described = occam("data", "digits", "--save", "digits.npz")
    assert "(8, 8, 1)" in described.stdout, described.stderr

    flags = ["--epochs", "15", "--l2", "0.001", "--regularization", "light"]
    trained = occam("train", "mlp", "--data", "digits", "--log-dir", "run", *flags)
    assert trained.stdout.startswith("accuracy: train "), trained.stderr
    assert float(trained.stdout.split()[6].strip(";")) > 0.95
    assert "15/15" in trained.stderr

    space = ["--space", "l2", "dropout", "--max-trials", "2", "--epochs", "2"]
    tuned = occam("tune", "mlp", "--data", "digits", "--directory", "search", *space)
    assert "chosen: Regularization(" in tuned.stdout, tuned.stderr

    compact = ["--signatures", "logits", "classify", "--fold", "--remove-dead-units"]
    compact += ["--promote", "stable", "--temperature", "fit", "--keep", "3"]
    exported = occam("export", "run", "exports", *compact)
    assert "version 1 in exports/1" in exported.stdout, exported.stderr
    assert "  classify\n    input  inputs: string (None,)" in exported.stdout

    listed = occam("exports", "exports", "--verify", "--run", "run")
    assert listed.stdout.startswith("version 1 (stable): ")
    assert "  verified metric: accuracy 0.9" in listed.stdout, listed.stderr

    arrays = ["digits.npz", "--array", "x_test"]
    scored = occam("predict", "exports", *arrays, "--labels", "y_test")
    assert float(scored.stdout.split()[1]) > 0.9, scored.stderr
    answers = occam("predict", "exports", *arrays).stdout.splitlines()
    assert answers[0] == "label,0,1,2,3,4,5,6,7,8,9"
    assert len(answers) == 1 + 360
    probabilities = np.array([line.split(",")[1:] for line in answers[1:]], float)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)

    assert "has no array 'z': it has x, y, x_test, y_test" in failed(
        occam("predict", "exports", "digits.npz", "--array", "z")
    )
    assert "`labels` must be among 0, 1, 2" in failed(
        occam("predict", "exports", *arrays, "--labels", "x_test")
    )
    assert "config.json: it is not a .npz file" in failed(
        occam("predict", "exports", "run/config.json")
    )
    assert "holds a training with other arguments (training epochs 15, now 16;" in failed(
        occam("train", "mlp", "--data", "digits", "--log-dir", "run", *flags, "--epochs", "16")
    )
    assert {path.name for path in tmp_path.iterdir()} == {"digits.npz", "run", "search", "exports"}
