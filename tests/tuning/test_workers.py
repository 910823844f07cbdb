"""Several processes run a search as one does, also if some of them are killed."""

import os
import re
import signal
import threading

import keras
import numpy as np
import pytest

from occam import tuning
from occam.tuning.workers import Workers

ARGUMENTS = {
    "space": ["l2"],
    "max_trials": 5,
    "finalists": 2,
    "seeds": 2,
    "epochs": 2,
    "workers": 2,
    "verbose": 0,
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype("float32")
    return x, x.sum(axis=1)


def build(hp):
    hidden = keras.layers.Dense(hp.Int("units", 2, 4), "relu")
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
    alone = tuning.tune(build, data, directory=tmp_path, **{**ARGUMENTS, "workers": 1})
    # The first trial has the default values; later ones are proposed in rounds.
    assert alone.candidates[0].regularization == found.candidates[0].regularization
    ours, theirs = (each.directory / "trial_0" / "execution-0.json" for each in (alone, found))
    pattern = re.compile(r'"(seconds|reused)": [^,}]+')
    assert pattern.sub("", ours.read_text()) == pattern.sub("", theirs.read_text())


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(data, found, tmp_path):
    test, killed = os.getpid(), tmp_path / "killed"

    def build_or_die(hp):
        if os.getpid() != test and hp.values.get("l2 on") and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return build(hp)

    again = tuning.tune(build_or_die, data, directory=tmp_path / "search", **ARGUMENTS)
    assert killed.exists()
    assert again.candidates == found.candidates


@pytest.mark.slow
def test_errors_of_workers(data, tmp_path):
    def die(number):
        os.kill(os.getpid(), signal.SIGKILL)

    workers = Workers(2, die)
    with pytest.raises(RuntimeError, match="killed 3 times in a row: use fewer `workers`"):
        list(workers.run({0: (0,)}))

    lock = threading.Lock()

    def locked(hp):
        with lock:
            return build(hp)

    with pytest.raises(TypeError, match="`workers` must be 1 for a model or data that cannot be"):
        tuning.tune(locked, data, directory=tmp_path / "search", **ARGUMENTS)
