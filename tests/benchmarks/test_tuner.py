import sys

import numpy as np
import pytest

from benchmarks import tuner


def test_the_expected_best_of_many_trials_is_the_best():
    losses = [0.3, 0.1, 0.2]
    assert tuner.expected_best(losses, 200) == pytest.approx(0.1)
    assert tuner.expected_best(losses, 1) == pytest.approx(np.mean(losses), abs=0.005)


def test_a_search_is_as_good_at_its_first_loss_of_the_target():
    searches = [[(4.0, 0.5), (6.0, 0.3), (9.0, 0.2)], [(5.0, 0.6)]]
    assert tuner.until(0.3, searches, np.array([20.0, 10.0])) == "0.30, never (2.00)"


@pytest.mark.slow
def test_it_prints_a_row_for_each_search(monkeypatch, capsys):
    sizes = ["--models", "mlp", "--rounds", "1", "--trials", "2", "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", ["tuner", *sizes])
    tuner.main()
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines if line.startswith("mlp ")]
    assert [row[1] for row in rows] == ["RandomSearch", "Tuner", "tune"]
    assert rows[0][3:] == ["1.00", "1.00"]
    assert all(float(row[2]) > 0 and float(row[3]) > 0 for row in rows)
