import sys

import numpy as np
import pytest

from benchmarks import tuner


def test_the_expected_best_of_many_trials_is_the_best():
    losses = [0.3, 0.1, 0.2]
    assert tuner.expected_best(losses, 200) == pytest.approx(0.1)
    assert tuner.expected_best(losses, 1) == pytest.approx(np.mean(losses), abs=0.005)


@pytest.mark.slow
def test_it_prints_a_row_for_each_search(monkeypatch, capsys):
    monkeypatch.setattr(tuner, "BUDGET", 2)
    sizes = ["--models", "mlp", "--rounds", "1", "--trials", "2", "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", ["tuner", *sizes])
    tuner.main()
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines if line.startswith("mlp ")]
    assert [row[1] for row in rows] == ["RandomSearch", "Tuner", "tune"]
    assert rows[0][3:] == ["1.00", "1.00"]
    assert all(float(row[2]) > 0 and float(row[3]) > 0 for row in rows)
