import sys

import pytest

from benchmarks import tuner
from occam.zoo import Regularization


def test_a_search_is_as_good_once_its_best_candidate_is():
    a, b, c = (Regularization(l2=l2) for l2 in (1e-4, 1e-3, 1e-2))
    trials = [tuner.Trial(9.0, 0.2, c), tuner.Trial(4.0, 0.5, a), tuner.Trial(6.0, 0.7, b)]
    best = tuner.best_so_far(trials)
    assert [trial.regularization for trial in best] == [a, c]
    expected = {a: 0.6, c: 0.3}.__getitem__
    assert tuner.until(0.3, best, 20.0, expected) == "0.45"
    assert tuner.until(0.7, best, 20.0, expected) == "0.20"
    assert tuner.until(0.2, best, 20.0, expected) == "never (1.50)"


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
