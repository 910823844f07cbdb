import sys

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is an extra")


def test_both_ways_train_the_same_candidates():
    from benchmarks.stacked import trainings

    calls = trainings(8, 3)
    alone, stacked = calls["one by one"](), calls["stacked"]()
    for number, weights in enumerate(alone):
        for layer, (kernel, bias) in enumerate(weights):
            np.testing.assert_allclose(kernel, stacked[layer][0][number], atol=1e-5)
            np.testing.assert_allclose(bias, stacked[layer][1][number], atol=1e-5)
    assert np.abs(alone[0][0][0] - alone[1][0][0]).max() > 0.1


def test_it_prints_a_row_for_each_number_of_candidates(monkeypatch, capsys):
    from benchmarks import stacked

    arguments = ["--units", "8", "--candidates", "2", "3", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["stacked", *arguments])
    stacked.main()
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["units", "candidates"]
    assert [row.split()[:2] for row in rows] == [["8-8", "2"], ["8-8", "3"]]
