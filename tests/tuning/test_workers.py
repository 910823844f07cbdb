"""Several processes run a search as one does, also if some of them are killed."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import numpy as np
import optuna
import pytest

from occam import tuning
from occam.tuning.workers import Workers

ARGUMENTS = {
    "space": ["l2"],
    "max_trials": 4,
    "racing": tuning.Racing(finalists=1, seeds=1),
    "epochs": 1,
    "resources": tuning.Resources(workers=2),
    "verbose": 0,
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype("float32")
    return x, x.sum(axis=1)


class Unreadable:
    """A function that no other process can read."""

    def __reduce__(self):
        return fail_elsewhere, (os.getpid(),)

    def __call__(self, number):
        return number


def fail_elsewhere(pid):
    raise ValueError("only here")


def build(hp):
    hidden = keras.layers.Dense(hp.Int("units", 2, 4), "relu")
    if hp.get("units") > 2:
        hp.Choice("declared later", [1, 2])
    model = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


@pytest.fixture(scope="module")
def found(data, tmp_path_factory):
    return tuning.tune(
        build, data, directory=tmp_path_factory.mktemp("two") / "search", **ARGUMENTS
    )


@pytest.mark.slow
def test_the_runs_are_those_of_one_process(data, found, tmp_path):
    later = [c.hyperparameters for c in found.candidates if c.hyperparameters["units"] > 2]
    assert later
    assert all("declared later" in values for values in later)
    alone = tuning.tune(build, data, directory=tmp_path, **{**ARGUMENTS, "resources": None})
    # The first trial has the default values; later ones are proposed in rounds.
    assert alone.candidates[0].regularization == found.candidates[0].regularization
    ours, theirs = (each.directory / "trial_0" / "execution-0.json" for each in (alone, found))
    pattern = re.compile(r'"(seconds|reused)": [^,}]+')
    assert pattern.sub("", ours.read_text()) == pattern.sub("", theirs.read_text())


@pytest.mark.slow
def test_a_killed_worker_interrupts_no_other_job(tmp_path):
    def work(name):
        with (tmp_path / "starts").open("a") as file:
            file.write(f"{name} ")
        if name == "dies" and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(20 if name == "long" else 0)
        return os.getpid()

    workers = Workers(2, work)
    try:
        pids = dict(workers.run({"long": ("long",), "dies": ("dies",)}))
        assert sorted((tmp_path / "starts").read_text().split()) == ["dies", "dies", "long"]
        os.kill(pids["long"], signal.SIGKILL)  # while it has nothing to do
        assert set(dict(workers.run({"next": ("next",), "last": ("last",)}))) == {"next", "last"}
    finally:
        workers.close()


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(data, found, postgresql, tmp_path):
    test, killed = os.getpid(), tmp_path / "killed"

    def build_or_die(hp):
        if os.getpid() != test and hp.values.get("l2 on") and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return build(hp)

    resources = tuning.Resources(2, storage=postgresql)
    arguments = {**ARGUMENTS, "directory": tmp_path / "search", "resources": resources}
    again = tuning.tune(build_or_die, data, **arguments)
    assert killed.exists()
    assert again.candidates == found.candidates
    (study,) = optuna.get_all_study_summaries(storage=postgresql)
    assert study.study_name.startswith("search-")
    assert study.n_trials == ARGUMENTS["max_trials"]


SCRIPT = """
import os, sys, time
from pathlib import Path
from occam.tuning.workers import Workers

def work(number):
    (Path(sys.argv[1]) / str(os.getpid())).touch()
    time.sleep(600)

list(Workers(2, work).run({0: (0,), 1: (1,)}))
"""


@pytest.mark.slow
def test_workers_end_with_a_killed_search(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)])
    deadline = time.time() + 120
    while len(workers := list(tmp_path.iterdir())) < 2:
        assert process.poll() is None
        assert time.time() < deadline
        time.sleep(0.1)
    process.kill()
    process.wait()
    while any(runs(worker.name) for worker in workers):
        assert time.time() < deadline
        time.sleep(0.1)


def runs(number):
    """Whether a process exists and is not a zombie."""
    try:
        return Path("/proc", number, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_errors_of_workers(data, tmp_path):
    def die(number):
        os.kill(os.getpid(), signal.SIGKILL)

    workers = Workers(2, die)
    with pytest.raises(RuntimeError, match="killed 3 times in a row: use fewer `workers`"):
        list(workers.run({0: (0,)}))

    with pytest.raises(RuntimeError, match="register the classes of layers") as raised:
        list(Workers(2, Unreadable()).run({0: (0,)}))
    assert "only here" in str(raised.value.__cause__)

    lock = threading.Lock()

    def locked(hp):
        with lock:
            return build(hp)

    with pytest.raises(TypeError, match="`workers` must be 1 for a model or data that cannot be"):
        tuning.tune(locked, data, directory=tmp_path / "search", **ARGUMENTS)
