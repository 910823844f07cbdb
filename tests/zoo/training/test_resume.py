"""`kill -9` at any moment, and the same command again, ends with the same result."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import os, signal, sys
from occam import zoo
from occam.zoo.training import engine

log_dir, data_dir, *die = sys.argv[1:]
if die:  # between the last epoch and the result
    engine.figures = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
data = zoo.load_data("digits", data_dir=data_dir)
model = zoo.create_model(
    "mlp", input_shape=(8, 8, 1), num_classes=10, seed=0, units=(32,),
    regularization=zoo.Regularization(
        l2=1e-3, dropout=0.2, noise=0.1, augmentation="light", mixup=0.2, sam_rho=0.02
    ),
)
zoo.train(model, data, epochs=200, learning_rate=0.02, patience=30, log_dir=log_dir, verbose=0)
"""


@pytest.fixture
def start(tmp_path, digits, data_dir):
    """Starts the training script in a process of its own."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    processes = []

    def start(log_dir, *more):
        command = [sys.executable, str(script), str(log_dir), str(data_dir), *more]
        processes.append(subprocess.Popen(command, stderr=subprocess.PIPE))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def finish(process):
    """Waits for the end of a training."""
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error.decode()[-2000:]


def kill_after(process, log_dir, epochs):
    """Kills a training once its directory has a state and its history some epochs."""
    history = log_dir / "history.csv"
    deadline = time.time() + 120
    while not history.exists() or len(history.read_text().splitlines()) <= epochs:
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.time() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_a_killed_training_ends_like_an_uninterrupted_one(start, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(start(whole))
    for epochs in (1, 20):
        kill_after(start(broken), broken, epochs)
        assert not (broken / "result.json").exists()
    finish(start(broken))

    compare(whole, broken)


def compare(whole, broken):
    """Both directories hold the same figures and the same history."""
    results = [json.loads((d / "result.json").read_text()) for d in (whole, broken)]
    for result in results:
        assert result.pop("seconds") > 0
    assert results[0]["stopped_early"]  # so that the state of early stopping mattered
    assert json.dumps(results[0]) == json.dumps(results[1])
    histories = [(d / "history.csv").read_text() for d in (whole, broken)]
    assert histories[0] == histories[1]


@pytest.mark.slow
def test_killed_after_an_early_stop_no_epoch_is_added(start, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(start(whole))
    process = start(broken, "die")
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    assert (broken / "state.npz").exists()
    assert not (broken / "result.json").exists()
    finish(start(broken))
    compare(whole, broken)
