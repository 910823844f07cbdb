from typing import Any

import keras
import numpy as np
import pytest

from occam import zoo
from occam.callbacks import BackupAndRestore, Schedule, Snapshots, schedules
from occam.zoo.training.evaluated import weights_digest

from ..conftest import Crash

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = np.arange(64) % 3


def build():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(6), keras.layers.BatchNormalization(), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(), loss)
    return model


def fit(model, epochs, *callbacks):
    options = {"epochs": epochs, "batch_size": 16, "shuffle": False, "verbose": 0}
    return model.fit(X, Y, callbacks=[cyclic(), *callbacks], **options)


def cyclic():
    rate = schedules.cosine_restarts(0.1, 2)
    return Schedule(lambda model: model.optimizer, rate, attribute="learning_rate")


class Record(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.weights, self.outputs = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append([np.array(w) for w in self.model.get_weights()])
        model: Any = self.model
        self.outputs.append(np.asarray(model(X, training=False)))


def same(ours, theirs):
    for pair in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(*pair)


def test_a_snapshot_is_the_model_at_the_end_of_a_cycle():
    model, record, snapshots = build(), Record(), Snapshots(2)
    history = fit(model, 7, record, snapshots)
    np.testing.assert_allclose(
        history.history["rates/learning_rate"], [0.1, 0.05] * 3 + [0.1], rtol=1e-6
    )
    assert snapshots.ends == [1, 3, 5]
    for copy, end in zip(snapshots.models(), snapshots.ends, strict=True):
        same(copy.get_weights(), record.weights[end])
        np.testing.assert_allclose(copy(X, training=False), record.outputs[end], atol=1e-6)
    same(model.get_weights(), record.weights[-1])  # which is not touched


def test_the_rate_is_that_of_the_paper():
    rate = schedules.cosine_restarts(0.2, 10)
    for step in range(25):
        expected = 0.1 * (np.cos(np.pi * (step % 10) / 10) + 1)
        assert rate(step) == pytest.approx(expected)
    assert rate(0) == rate(10) == 0.2
    assert min(map(rate, range(10))) > 0
    with pytest.raises(ValueError, match="`period` must be an integer >= 1"):
        schedules.cosine_restarts(0.1, 0)


def test_a_resumed_training_ends_with_the_same_snapshots(tmp_path):
    whole = Snapshots(2)
    fit(build(), 6, whole)
    killed = Snapshots(2)
    with pytest.raises(RuntimeError, match="crash"):
        fit(build(), 6, killed, Crash(3), BackupAndRestore(tmp_path))
    assert killed.ends == [1]
    resumed = Snapshots(2)
    fit(build(), 6, resumed, Crash(99), BackupAndRestore(tmp_path))
    assert resumed.ends == whole.ends
    for ours, theirs in zip(resumed.models(), whole.models(), strict=True):
        same(ours.get_weights(), theirs.get_weights())


def test_each_fit_begins_anew_and_an_unfinished_cycle_leaves_nothing():
    model, snapshots = build(), Snapshots(2)
    fit(model, 4, snapshots)
    with pytest.warns(UserWarning, match="Snapshots has kept nothing: .* first 2 epochs"):
        fit(model, 1, snapshots)
    assert (snapshots.ends, snapshots.models()) == ([], [])
    with pytest.raises(ValueError, match="`epochs` must be an integer >= 1"):
        Snapshots(0)


@pytest.mark.parametrize("sam_rho", [0.0, 0.05])
def test_the_ensemble_of_a_run_of_the_zoo_is_evaluated(sam_rho):
    data = zoo.load_data("digits")
    regularization = zoo.Regularization(dropout=0.1, sam_rho=sam_rho)
    model = zoo.create_model("mlp", data=data, regularization=regularization, seed=0, units=(16,))
    if not sam_rho:  # a compiled model keeps its optimizer
        optimizer = zoo.optimizers.adamw(0.005, 2 * data.steps_per_epoch, restarts=True)
        model.compile(optimizer, data.task.loss(), metrics=data.task.metrics())
    snapshots = Snapshots(2)
    zoo.train(model, data, epochs=6, patience=None, callbacks=[snapshots], verbose=0)
    members = snapshots.models()
    assert weights_digest(members[-1]) == weights_digest(model)
    found = zoo.evaluate(members, data, bootstrap=0)
    assert (found.name, found.uncertainty.samples) == ("ensemble of 3", 3)
    assert found.scores["test"]["accuracy"].value > 0.5
