"""`occam board`."""

import signal
import socket
import subprocess
import sys
import urllib.request

import keras
import numpy as np
import pytest
from PIL import Image

from occam import zoo
from occam.callbacks.tensorboard.event_file import EventFile
from occam.callbacks.tensorboard.summaries import scalars

# A background job of a shell, and every process that it starts, ignores interrupts.
WITH_INTERRUPTS = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from occam.cli.main import main; main()"
)


def failed(done):
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("logs")
    for run in ("train", "validation"):
        EventFile(directory / "run" / run).add(0, scalars({"loss/data": 1.0, "loss/total": 2}))
    return directory


def test_a_wrong_argument_is_an_error_of_one_line(inside, tmp_path, logs):
    assert "the directory does not exist" in failed(inside("board", "nowhere"))
    assert "contains no TensorBoard logs" in failed(inside("board", "."))
    assert "`png` must be a file named *.png" in failed(inside("board", logs, "--png", "a.pdf"))
    assert list(tmp_path.iterdir()) == []


def test_it_serves_on_127_0_0_1_until_it_is_interrupted(logs):
    process = subprocess.Popen(
        [sys.executable, "-c", WITH_INTERRUPTS, "board", str(logs), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address, *rest = process.stdout.readline().split(" ", 1)
        assert address.startswith("http://127.0.0.1:")
        assert rest == [f"shows {logs}. Press Ctrl-C to stop.\n"]
        with urllib.request.urlopen(f"{address}data/logdir") as answer:
            assert str(logs) in answer.read().decode()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        process.kill()
        process.communicate()


def test_a_used_port_is_an_error_of_one_line(logs):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "occam.cli.main", "board", str(logs), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert "port" in failed(done)


def test_png_draws_a_run_of_the_zoo(inside, digits, tmp_path):
    keras.utils.set_random_seed(0)
    model = zoo.create_model(
        "mlp", input_shape=(8, 8, 1), num_classes=10, regularization="medium", seed=0
    )
    zoo.train(model, digits, epochs=2, verbose=0, log_dir=tmp_path / "run")
    done = inside("board", "run", "--png", "run.png")
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "run.png") as image:
        assert np.asarray(image.convert("RGB")).std() > 10
