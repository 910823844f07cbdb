"""Several machines, each with a directory of its own, share one search over a database."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter

import numpy as np
import optuna
import pytest

from occam import tuning
from occam.tuning.shared_jobs import SharedJobs

SCRIPT = """
import os, signal, sys
from pathlib import Path
import keras, numpy as np
from occam import tuning

def build(hp):
    if dies and Path(sys.argv[1], "trial_1", "execution-0.json").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    hidden = keras.layers.Dense(hp.Int("units", 2, 4), "relu")
    model = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model

def search(directory, storage, **options):
    x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    return tuning.tune(
        build, (x, x.sum(axis=1)), space=["l2"], max_trials=6, epochs=1, directory=directory,
        racing=tuning.Racing(1, 1), verbose=0,
        resources=tuning.Resources(storage=storage, machines=2, grace=2), **options,
    )

if __name__ == "__main__":
    dies = True
    search(*sys.argv[1:])
"""


def in_this_process():
    """The function `search` of the script."""
    names = {"__name__": "script", "dies": False}
    exec(SCRIPT, names)
    return names["search"]


def sqlite(tmp_path):
    return f"sqlite:///{tmp_path}/shared.db"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def storage(request, tmp_path):
    if request.param == "sqlite":
        return sqlite(tmp_path)
    return request.getfixturevalue("postgresql")


def states_of_trials(storage):
    """How many trials of the only study are in each state."""
    (summary,) = optuna.get_all_study_summaries(storage=storage)
    study = optuna.load_study(study_name=summary.study_name, storage=storage)
    return Counter(trial.state.name for trial in study.get_trials())


@pytest.mark.slow
def test_a_killed_machine_changes_nothing(storage, tmp_path):
    search = in_this_process()
    undisturbed = search(tmp_path / "alone", f"sqlite:///{tmp_path}/another.db")

    (tmp_path / "script.py").write_text(SCRIPT)
    died = tmp_path / "died"
    command = [sys.executable, str(tmp_path / "script.py"), str(died), storage]
    process = subprocess.Popen(command)  # it dies in its third run, at the latest
    deadline = time.time() + 120
    while not (died / "trial_0" / "execution-0.json").exists():
        assert time.time() < deadline
        time.sleep(0.05)
    found = search(tmp_path / "survivor", storage)
    assert process.wait() == -9
    assert found.candidates == undisturbed.candidates
    ran_here = {*found.directory.glob("tensorboard/*/execution0/validation")}
    assert 0 < len(ran_here) < 6

    # The dead machine resumes, and finds the rest done.
    again = search(died, storage)
    assert again.candidates == undisturbed.candidates
    states = states_of_trials(storage)
    assert states["COMPLETE"] == 6
    assert states["RUNNING"] == 0


def test_a_machine_that_comes_later_trains_nothing(tmp_path, monkeypatch):
    search = in_this_process()
    first = search(tmp_path / "first", sqlite(tmp_path))
    monkeypatch.setattr(
        "occam.zoo.training.engine.fit", lambda *args, **kwargs: pytest.fail("it was trained again")
    )
    later = search(tmp_path / "later", sqlite(tmp_path))
    assert later.candidates == first.candidates
    assert later.winner == first.winner
    monkeypatch.undo()
    anew = search(tmp_path / "later", sqlite(tmp_path), resume=False)
    assert anew.candidates == first.candidates
    assert states_of_trials(sqlite(tmp_path))["COMPLETE"] == 6


def test_other_arguments_are_another_search(tmp_path):
    rows = np.ones((30, 2), "float32"), np.linspace(0, 1, 30, dtype="float32")
    arguments = {"space": ["l2"], "max_trials": 1, "racing": tuning.Racing(1, 1), "verbose": 0}
    arguments["resources"] = tuning.Resources(storage=sqlite(tmp_path))
    for name, epochs in [("one", 1), ("two", 2)]:
        tuning.tune("mlp", rows, directory=tmp_path / name, epochs=epochs, units=(2,), **arguments)
    assert len(optuna.get_all_study_summaries(storage=sqlite(tmp_path))) == 2


def test_each_job_is_done_once(tmp_path):
    done = []

    def work(owner):
        with SharedJobs(sqlite(tmp_path), "search", owner) as shared:
            for number in range(20):
                if shared.claim(f"run {number}"):
                    done.append((number, owner))
                    shared.finish(f"run {number}", number)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number, _ in done) == [*range(20)]
    with SharedJobs(sqlite(tmp_path), "search", "four") as shared:
        assert shared.results(["run 3", "run 20"]) == {"run 3": 3}
        assert not shared.results(["run 20"])
        with SharedJobs(sqlite(tmp_path), "other", "four") as other:
            assert not other.results(["run 3"])


def test_a_job_of_a_dead_machine_is_free_again_and_one_of_a_slow_one_is_not(tmp_path):
    dead = SharedJobs(sqlite(tmp_path), "search", "dead", grace=0.4)
    with (
        SharedJobs(sqlite(tmp_path), "search", "slow", grace=0.4) as slow,
        SharedJobs(sqlite(tmp_path), "search", "free", grace=0.4) as free,
    ):
        assert dead.claim("run 0")  # its heart does not beat
        assert slow.claim("run 1")
        deadline = time.monotonic() + 30
        while not free.claim("run 0"):
            assert time.monotonic() < deadline
            assert not free.claim("run 1")
            time.sleep(0.05)
        assert dead.claim("run 0") is False
        free.finish("run 0", "ours")
        dead.finish("run 0", "late")
        assert slow.results(["run 0"]) == {"run 0": "ours"}
    # What a machine leaves unfinished at its end is free at once.
    with SharedJobs(sqlite(tmp_path), "search", "next") as shared:
        assert shared.claim("run 1")


def test_one_machine_works_and_the_others_wait_for_it(tmp_path):
    calls = []

    def propose():
        calls.append(os.getpid())
        time.sleep(0.3)
        return {"values": {"l2": 0.1}}

    found = []

    def ask(owner):
        with SharedJobs(sqlite(tmp_path), "search", owner) as shared:
            found.append(shared.once("trial 0", propose))

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"values": {"l2": 0.1}}] * 2
    assert len(calls) == 1
