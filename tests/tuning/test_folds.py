"""Searches that judge their candidates by cross-validation."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf

from occam import tuning, zoo
from occam.tuning.search import MedianStopping

ARGUMENTS = {"space": ["l2"], "racing": tuning.Racing(2, 2), "units": (8,), "verbose": 0}


def samples(rows=90):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 4)).astype("float32")
    return x, (np.arange(rows) % 3).astype("int32")


@pytest.fixture
def fits(monkeypatch):
    """The data, seed and callbacks of each training; none is done, each has losses of its own."""
    made = []

    def fit(model, data, regularization, *, epochs, seed, epoch_steps, callbacks):
        made.append((data, seed, epoch_steps, callbacks))
        loss = 1 + 0.1 * (len(made) % 7)
        others = {"val_data_loss": [1.0, 1.0], "val_accuracy": [0.5, 0.6]}
        return {"val_refined_loss": [2 * loss, loss], **others}

    monkeypatch.setattr("occam.zoo.training.engine.fit", fit)
    return made


def test_each_seed_of_a_candidate_runs_on_every_fold_the_same_for_all(fits, tmp_path):
    arguments = {**ARGUMENTS, "max_trials": 3, "epochs": 2, "directory": tmp_path}
    found = tuning.tune("mlp", samples(), folds=3, **arguments)
    assert [seed for _, seed, *_ in fits] == [0] * 9 + [1] * 6 + [2] * 6
    _, labels = samples()
    parts = [data.raw_splits["validation"] for data, *_ in fits[:3]]
    rows = np.concatenate([part.features for part in parts])
    np.testing.assert_array_equal(np.sort(rows[:, 0]), np.sort(samples()[0][:, 0]))
    for part in parts:  # stratified
        np.testing.assert_array_equal(np.bincount(part.targets), np.bincount(labels) // 3)
    for number, (data, *_) in enumerate(fits[:9]):
        assert data.raw_splits["validation"] is parts[number % 3]
    for candidate in found.candidates:
        runs = found.executions(candidate)
        assert [run.fold for run in runs] == [0, 1, 2] * (3 if candidate.finalist else 1)
        later = [run.score for run in runs[3:]] or [run.score for run in runs]
        assert list(candidate.losses) == later
    finalists = [c for c in found.candidates if c.finalist]
    assert all(len(c.losses) == 6 for c in finalists)
    (first, *_) = finalists
    assert first.loss_error == pytest.approx(np.std(first.losses, ddof=1) / math.sqrt(6))
    state = json.loads((tmp_path / "search.json").read_text())
    for trial in state["trials"]:
        runs = found.executions(found.candidates[int(trial["trial_id"])])
        assert trial["score"] == pytest.approx(np.mean([run.score or np.nan for run in runs[:3]]))
    winner = json.loads((tmp_path / "winner.json").read_text())
    assert (winner["seeds"], winner["folds"]) == (2, 3)
    assert found.table().seeds.tolist() == [2, 2, 1]
    fits.clear()
    assert tuning.tune("mlp", samples(), folds="3", **arguments) == found  # is read back
    assert not fits
    with pytest.raises(ValueError, match=r"search folds \[3, 1\], now \[4, 1\]"):
        tuning.tune("mlp", samples(), folds=4, **arguments)
    with pytest.raises(ValueError, match=r"search folds \[3, 1\], now \[3, 2\]"):
        tuning.tune("mlp", samples(), folds="3x2", **arguments)


def test_a_run_is_stopped_by_the_others_on_its_fold(fits, tmp_path):
    arguments = {**ARGUMENTS, "racing": tuning.Racing(1, 1), "epochs": 2, "directory": tmp_path}
    found = tuning.tune("mlp", samples(450), folds=2, max_trials=5, **arguments)
    runs = [found.executions(candidate) for candidate in found.candidates[:4]]
    for fold, (*_, callbacks) in enumerate(fits[8:10]):
        (stopping,) = (c for c in callbacks if isinstance(c, MedianStopping))
        median = np.median([trial[fold].score or np.nan for trial in runs])
        assert stopping.medians == pytest.approx([2 * median, median])


def test_the_folds_are_those_of_the_data_by_default(fits, tmp_path):
    data = zoo.load_data(samples(), test=False, validation="cv:3x2", batch_size=16)
    found = tuning.tune("mlp", data, max_trials=1, epochs=2, directory=tmp_path, **ARGUMENTS)
    assert found.folds == 6
    # An epoch has as many steps as one of all rows.
    assert {epoch_steps for _, _, epoch_steps, _ in fits} == {math.ceil(90 / 16)}
    assert len(fits) == 6 * 3


def test_the_refit_trains_on_all_rows_with_the_steps_of_the_search(data_dir, tmp_path):
    data = zoo.load_data("breast_cancer", data_dir=data_dir, validation="cv:2")
    arguments = {**ARGUMENTS, "racing": tuning.Racing(1, 1), "max_trials": 2, "epochs": 3}
    found = tuning.tune("mlp", data, directory=tmp_path, **arguments)
    assert all(np.isfinite(candidate.losses).all() for candidate in found.candidates)
    refit = found.refit(verbose=0)
    assert int(refit.model.optimizer.iterations) == found.epochs * data.steps_per_epoch
    assert refit.run.config["data"]["sizes"]["train"] == data.sizes["train"]
    assert {"data_loss", "accuracy"} <= {*(refit.test or {})}


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (1, "`folds` must be an integer >= 2. Received: folds=1"),
        (True, "`folds` must be an integer >= 2. Received: folds=True"),
        ("cv:0", r"`folds` must be 'k' or 'kxr' for r repeats, such as '5x2', k >= 2"),
        (40, "each of 40 folds needs a sample of every class. Received: 30"),
    ],
)
def test_errors(tmp_path, folds, message):
    with pytest.raises(ValueError, match=message):
        tuning.tune("mlp", samples(), folds=folds, directory=tmp_path / "search", **ARGUMENTS)
    assert not (tmp_path / "search").exists()


def test_a_dataset_has_no_folds(tmp_path):
    batches = tf.data.Dataset.from_tensor_slices(samples()).batch(10)
    arguments = {**ARGUMENTS, "folds": 3, "directory": tmp_path / "search"}
    with pytest.raises(ValueError, match=r"needs data in memory\. Received: a dataset"):
        tuning.tune("mlp", batches, validation_data=batches, **arguments)
