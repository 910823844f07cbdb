"""Test `benchmarks.sparsity` with one seed; the script itself measures several."""

import argparse

import keras
import pytest

from benchmarks.sparsity import rows, run, zeros


@pytest.mark.slow
def test_l1_zeroes_most_weights_without_losing_accuracy():
    budget = argparse.Namespace(model="mlp", data="mnist1d", tier="none", epochs=40)
    dense, sparse = run({}, budget, 0), run({"l1": 0.1}, budget, 0)
    assert dense["zeros"] == 0
    assert sparse["zeros"] >= 0.7
    assert sparse["test"] >= dense["test"] - 0.01


def test_shares_of_zeros_and_dead_units():
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(1)]
    )
    kernels = [[[0, 1, 0], [0, 2, 3]], [[0], [1], [1]]]
    for layer, kernel in zip(model.layers, kernels, strict=True):
        layer.kernel.assign(kernel)
    assert zeros(model) == {"zeros": 4 / 9, "dead units": 1 / 3}


def test_differences_are_paired_by_seed(monkeypatch):
    monkeypatch.setattr("benchmarks.sparsity.WAYS", {"none": {}, "l1": {}})
    figures = {"validation": 0.5, "zeros": 0.25, "dead units": 0.0}
    tests = {("none", 0): 0.5, ("none", 1): 0.7, ("l1", 0): 0.51, ("l1", 1): 0.71}
    results = {key: {**figures, "test": value} for key, value in tests.items()}
    last = list(rows(results, 2))[1]
    assert last[1] == "25.0%"
    assert last[-1] == "+0.010 ± 0.000"
