import json
import math
import os
import re
import signal
import subprocess
import sys
import time

import keras
import keras_tuner
import numpy as np
import pytest

from occam import callbacks as callbacks_
from occam import tuning, zoo
from occam.tuning.search import MedianStopping

ARGUMENTS = {
    "space": ["l2", "dropout"],
    "max_trials": 3,
    "racing": tuning.Racing(finalists=2, seeds=2),
    "epochs": 3,
    "units": (16,),
    "verbose": 0,
}
ONE = tuning.Racing(finalists=1, seeds=1)


@pytest.fixture(scope="module")
def found(digits, tmp_path_factory):
    """A finished search of three candidates, two of them finalists with two more seeds."""
    directory = tmp_path_factory.mktemp("tuning") / "search"
    return tuning.tune("mlp", digits, directory=directory, **ARGUMENTS)


def test_the_tiers_come_first(found):
    tried = [c.regularization for c in found.candidates]
    # In what is searched, "medium" is like "light" and not tried again.
    tiers = [zoo.preset("mlp", tier) for tier in ("none", "light", "strong")]
    assert tried == [zoo.Regularization(l2=tier.l2, dropout=tier.dropout) for tier in tiers]


def test_the_best_on_the_first_seed_are_the_finalists(found):
    def first_run(candidate):
        record = found.directory / f"trial_{candidate.trial}" / "execution-0.json"
        return json.loads(record.read_text())["score"]

    finalists = [c for c in found.candidates if c.finalist]
    (other,) = (c for c in found.candidates if not c.finalist)
    assert len(finalists) == 2
    assert max(map(first_run, finalists)) <= first_run(other)
    # The run by which a finalist was chosen does not count for it.
    assert [len(c.losses) for c in finalists] == [2, 2]
    assert all(first_run(c) not in c.losses for c in finalists)
    assert other.losses == (first_run(other),)
    assert found.chosen in finalists


def test_random_candidates_follow_without_duplicates(digits, tmp_path, monkeypatch):
    history = {"val_refined_loss": [1.0], "val_data_loss": [1.0], "val_accuracy": [0.5]}
    monkeypatch.setattr("occam.zoo.training.engine.fit", lambda *args, **kwargs: history)
    arguments = {**ARGUMENTS, "space": ["noise"], "max_trials": 7, "racing": ONE}
    tried = [
        c.regularization
        for c in tuning.tune("mlp", digits, directory=tmp_path / "search", **arguments).candidates
    ]
    assert len(set(tried)) == len(tried) == 7
    assert all(set(r.on()) <= {"noise"} for r in tried)


def test_the_choice_is_one_of_the_candidates_and_marked_in_the_table(found):
    assert found.regularization in [c.regularization for c in found.candidates]
    head, *rows = str(found).splitlines()
    assert head.split() == ["trial", "val_refined_loss", "val_accuracy", "l2", "dropout"]
    assert len(rows) == 3
    (chosen,) = (row for row in rows if row.startswith("*"))
    assert chosen.split()[1] == str(found.chosen.trial)
    table = found.table()
    assert list(table.index) == [int(row[1:].split()[0]) for row in rows]
    assert table.index[table.chosen].tolist() == [found.chosen.trial]
    assert table.finalist.tolist() == [True, True, False]
    assert table.val_refined_loss_error.isna().tolist() == [False, False, True]
    assert [zoo.Regularization(l2=row.l2, dropout=row.dropout) for row in table.itertuples()] == [
        found.candidates[trial].regularization for trial in table.index
    ]


def test_the_winner_is_written(found):
    winner = json.loads((found.directory / "winner.json").read_text())
    assert zoo.Regularization.from_dict(winner["regularization"]) == found.regularization
    assert (winner["trial"], winner["seeds"]) == (found.chosen.trial, 2)
    assert winner["model"] == {"name": "mlp", "units": [16]}
    runs = found.executions(found.chosen)[1:]
    losses = [run.metrics["val_data_loss"] for run in runs]
    assert winner["validation"] == pytest.approx(
        {
            "refined_loss": found.chosen.loss,
            "refined_loss_error": found.chosen.loss_error,
            "data_loss": np.mean(losses),
            "data_loss_error": np.std(losses, ddof=1) / len(losses) ** 0.5,
            "accuracy": found.chosen.metric,
            "accuracy_error": found.chosen.metric_error,
        }
    )


def test_each_trial_has_a_directory_and_each_run_its_figures(found):
    for candidate in found.candidates:
        for seed, loss in enumerate(candidate.losses, start=int(candidate.finalist)):
            record = found.directory / f"trial_{candidate.trial}" / f"execution-{seed}.json"
            assert json.loads(record.read_text())["score"] == loss
            logs = found.directory / "tensorboard" / str(candidate.trial) / f"execution{seed}"
            assert list(logs.rglob("events.out.tfevents*"))


def test_hparams_are_effective_values_of_every_run(found):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2
    from tensorboard.util import tensor_util

    for candidate in found.candidates:
        run = 2 if candidate.finalist else 0
        directory = found.directory / "tensorboard" / str(candidate.trial) / f"execution{run}"
        events = EventAccumulator(str(directory)).Reload()
        content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
        start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
        values = {name: value.number_value for name, value in start.hparams.items()}
        logarithm = values.pop("log10_l2")  # off is a decade below the range
        assert values == {n: getattr(candidate.regularization, n) for n in ("l2", "dropout")}
        low = zoo.Regularization.fields()["l2"].search[0]
        assert logarithm == pytest.approx(math.log10(values["l2"] or low / 10))
        assert start.group_name == str(candidate.trial)
        (judged,) = events.Tensors("val_refined_loss")
        value = tensor_util.make_ndarray(judged.tensor_proto)
        assert float(value) == pytest.approx(candidate.losses[-1])


def test_a_finished_search_is_read_back(found, digits, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a finished run was trained again")

    monkeypatch.setattr("occam.zoo.training.engine.fit", never)
    again = tuning.tune("mlp", digits, directory=found.directory, **ARGUMENTS)
    assert again == found
    assert len(list((found.directory / "tensorboard").glob("events.out.tfevents.*"))) == 1


def test_a_finished_search_goes_on_as_if_it_had_been_longer(digits, tmp_path, monkeypatch):
    fits = []

    def fit(model, data, regularization, *, seed, **kwargs):
        fits.append(seed)
        loss = 1 + abs(np.log10(regularization.l2 or 1) + 4) + 0.1 * seed  # the best is 1e-4
        return {"val_refined_loss": [loss], "val_data_loss": [1.0], "val_accuracy": [0.5]}

    monkeypatch.setattr("occam.zoo.training.engine.fit", fit)
    arguments = {**ARGUMENTS, "space": ["l2"], "epochs": 1}
    arguments["racing"] = tuning.Racing(2, 1, sampler="random")
    first = tuning.tune("mlp", digits, directory=tmp_path / "a", **{**arguments, "max_trials": 3})
    before, arguments["max_trials"] = len(fits), 10
    longer = tuning.tune("mlp", digits, directory=tmp_path / "a", **arguments)
    assert len(fits) - before < 10 + 2  # what was finished is not repeated
    assert longer.chosen != first.chosen
    once = tuning.tune("mlp", digits, directory=tmp_path / "b", **arguments)
    assert longer.candidates == once.candidates
    assert longer.winner == once.winner
    with pytest.raises(ValueError, match="`max_trials` must be at least 10, the candidates of the"):
        tuning.tune("mlp", digits, directory=tmp_path / "a", **{**arguments, "max_trials": 3})


def test_a_search_that_begins_anew_forgets_the_look_at_the_test_part(digits, tmp_path, monkeypatch):
    history = {"val_refined_loss": [1.0], "val_data_loss": [1.0], "val_accuracy": [0.5]}
    monkeypatch.setattr("occam.zoo.training.engine.fit", lambda *args, **kwargs: history)
    arguments = {**ARGUMENTS, "max_trials": 1, "racing": ONE, "directory": tmp_path}
    tuning.tune("mlp", digits, **arguments)
    for name in ("refit", "pictures"):
        (tmp_path / name).mkdir()
    (tmp_path / "refit.json").touch()
    tuning.tune("mlp", digits, **arguments, resume=False)
    names = {path.name for path in tmp_path.iterdir()}
    assert "winner.json" in names
    assert not names & {"refit", "refit.json", "pictures"}


def test_the_test_part_is_not_read(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(type(digits), "test", property(lambda self: pytest.fail("test was read")))
    arguments = {**ARGUMENTS, "max_trials": 1, "epochs": 1}
    tuning.tune("mlp", digits, directory=tmp_path / "search", **arguments)


def test_an_error_in_a_run_ends_the_search(digits, tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("no space left on device")

    monkeypatch.setattr("occam.zoo.training.engine.fit", broken)
    with pytest.raises(RuntimeError, match="no space left on device"):
        tuning.tune("mlp", digits, directory=tmp_path / "search", **ARGUMENTS)


def test_another_search_in_the_same_directory_is_an_error(found, digits):
    with pytest.raises(ValueError, match=r"other arguments \(search epochs 3, now 4\)"):
        tuning.tune("mlp", digits, directory=found.directory, **{**ARGUMENTS, "epochs": 4})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": ["stochastic_depth"]}, "supported fields, l1, .* Received: stochastic_depth"),
        ({"max_trials": 0}, "`max_trials` must be an integer >= 1. Received: max_trials=0"),
        ({"max_trials": 1.5}, "Received: max_trials=1.5"),
        ({"learning_rate": 0}, r"`learning_rate` must be a number in \(0, inf\)"),
        (
            {"space": "l2"},
            "`space` must be a list of fields of the regularization. Received: space='l2'",
        ),
        ({"width": 3}, "Model 'mlp' has no option width"),
        ({"learning_rate": (1e-3, 1e-2)}, r"`learning_rate` must be a number in \(0, inf\)"),
        ({"base": "heavy"}, "`base` must be an occam.zoo.Regularization, the name of a tier"),
    ],
)
def test_errors(digits, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        tuning.tune("mlp", digits, directory=tmp_path / "search", **{**ARGUMENTS, **change})
    assert not (tmp_path / "search").exists()


def small(hp):
    width = hp.Int("units", 8, 16, step=8)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(width, "relu"),
            keras.layers.Dense(10),
        ]
    )


def compiled(hp):
    model = small(hp)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(hp.Float("rate", 0.1, 0.2)), loss, metrics=["accuracy"])
    return model


def test_the_penalties_of_a_keras_model_are_searched(digits, tmp_path):
    model = small(keras_tuner.HyperParameters())
    before = model.get_weights()
    arguments = {"space": ["l2"], "max_trials": 3, "racing": ONE, "epochs": 1, "verbose": 0}
    base = zoo.Regularization(dropout=0.1)
    found = tuning.tune(model, digits, directory=tmp_path / "search", base=base, **arguments)
    assert found.candidates[0].regularization == base
    assert len({c.regularization for c in found.candidates}) == 3
    for array, same in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, same)  # each candidate trains a copy
    other = small(keras_tuner.HyperParameters())
    with pytest.raises(ValueError, match=r"model weights \['float32"):
        tuning.tune(other, digits, directory=tmp_path / "search", base=base, **arguments)


@pytest.mark.parametrize("rows", [390, 400])
def test_runs_that_zoo_train_would_not_stop_early_are_judged_at_their_end(
    tmp_path, monkeypatch, rows
):
    histories, stopping = [], []

    def fit(*args, callbacks, **kwargs):
        kinds = (callbacks_.EarlyStopping, MedianStopping)
        stopping.append([any(isinstance(c, kind) for c in callbacks) for kind in kinds])
        best = 1.0 + len(histories)
        histories.append([best + 1, best, best + 3 / best])
        others = {"val_data_loss": [3.0, 2.0, 1.0], "val_accuracy": [0.1, 0.2, 0.3]}
        return {"val_refined_loss": histories[-1], **others}

    monkeypatch.setattr("occam.zoo.training.engine.fit", fit)
    x = np.random.default_rng(0).normal(size=(rows, 4)).astype("float32")
    data = zoo.load_data((x, np.arange(rows) % 2), test=False)  # a tenth is held out
    assert data.sizes["validation"] == rows // 10
    found = tuning.tune(
        *("mlp", data),
        **{**ARGUMENTS, "epochs": None, "racing": ONE, "directory": tmp_path, "max_trials": 5},
    )
    at_end = rows < 400
    runs = [run for candidate in found.candidates for run in found.executions(candidate)]
    assert [run.at_end for run in runs] == [at_end] * 6
    assert [run.best_epoch for run in runs] == [3 if at_end else 2] * 6
    assert [early for early, _ in stopping] == [not at_end] * 6
    # By the median of the first four; the final run is not stopped.
    assert [median for _, median in stopping] == [False] * 4 + [not at_end, False]
    for run in runs:
        loss = run.history["val_refined_loss"]
        assert run.score == run.metrics["val_refined_loss"] == (loss[-1] if at_end else min(loss))
        assert run.metrics["val_accuracy"] == (0.3 if at_end else 0.2)
    state = json.loads((tmp_path / "search.json").read_text())
    scores = {int(trial["trial_id"]): trial["score"] for trial in state["trials"]}
    assert scores == {c.trial: found.executions(c)[0].score for c in found.candidates}
    assert found.epochs == (3 if at_end else 2)


@pytest.mark.slow
def test_candidates_below_the_median_stop(digits, tmp_path):
    racing = tuning.Racing(1, 1, sampler="random")
    arguments = {**ARGUMENTS, "max_trials": 9, "racing": racing, "epochs": 12}
    found = tuning.tune("mlp", digits, directory=tmp_path, **arguments)
    curves, stopped = [], []
    for candidate in found.candidates:
        losses = found.executions(candidate)[0].history["val_refined_loss"]
        best = np.minimum.accumulate(losses)
        worse = [
            len(curves) >= 4 and best[e] > np.median([c[min(e, len(c) - 1)] for c in curves])
            for e in range(4, len(best))  # from epoch 5
        ]
        assert not any(worse[:-1])  # else it would have stopped before
        assert worse[-1] or len(best) == 12
        stopped.append(bool(worse[-1]))
        curves.append(best)
    assert any(stopped)
    assert found.chosen.trial not in np.flatnonzero(stopped)


@pytest.mark.parametrize("build", [small, compiled])
def test_hyperparameters_are_searched_together_with_penalties(digits, tmp_path, build):
    train = digits.raw_splits["train"]
    data = (np.asarray(train.features), np.asarray(train.targets))
    arguments = {"space": ["l2"], "max_trials": 3, "racing": ONE, "epochs": 1, "verbose": 0}
    found = tuning.tune(build, data, directory=tmp_path / "search", **arguments)
    assert found.candidates[0].regularization == zoo.Regularization()
    assert found.candidates[0].hyperparameters["units"] == 8
    assert {c.hyperparameters["units"] for c in found.candidates} <= {8, 16}
    assert ("rate" in found.hyperparameters) == (build is compiled)
    assert "units" in str(found).splitlines()[0]
    assert set(found.table().units) <= {8, 16}


def test_losses_and_metrics_of_the_user_are_kept(tmp_path):
    def loss(y, outputs):
        return keras.ops.mean(keras.ops.square(y - outputs), axis=-1)

    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=[loss])
    arguments = {"space": ["l2"], "max_trials": 2, "racing": ONE, "epochs": 1}
    found = tuning.tune(model, (x, x[:, :1]), directory=tmp_path, verbose=0, **arguments)
    assert np.isfinite([c.loss for c in found.candidates]).all()


def test_the_precision_policy_outlives_a_search(digits, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        tuning.tune("mlp", digits, directory=tmp_path, **{**ARGUMENTS, "max_trials": 1})
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="sub")
        self.dense = keras.layers.Dense(10)

    def call(self, x):
        return self.dense(keras.ops.reshape(x, (-1, 64)))


def subclassed(hp):
    model = Subclassed()
    model(np.zeros((1, 8, 8, 1)))
    return model


def test_a_dataset_needs_validation_data(digits, tmp_path):
    expected = "`validation_data` must be given if `data` is a dataset of batches.*data=<_"
    with pytest.raises(ValueError, match=expected):
        tuning.tune("mlp", digits.train, directory=tmp_path / "search")


class WithFit(keras_tuner.HyperModel):
    def build(self, hp):
        return small(hp)

    def fit(self, hp, model, **kwargs):
        return 0.0


@pytest.mark.parametrize(
    ("model", "change", "message"),
    [
        (small, {"space": ["stochastic_depth"]}, "stochastic_depth.*It has no residual sum"),
        (
            compiled,
            {"space": ["l2", "sam_rho"]},
            "`space` must not have 'sam_rho', since `model` is comp.*Received: space=l2, sam_rho",
        ),
        (
            compiled,
            {"space": ["l2"], "base": zoo.Regularization(weight_decay=0.1)},
            "`base` must have weight_decay=0, since `model` is comp.*Received: weight_decay=0.1",
        ),
        (
            keras.Sequential([keras.layers.Dense(10)]),
            {},
            r"`model` must be a built model: begin a Sequential with keras.Input.* not built",
        ),
        (
            lambda hp: keras.Sequential([keras.layers.Dense(10)], name="late"),
            {},
            "`model` must return a built model.*Received: Sequential 'late'",
        ),
        (
            subclassed,
            {},
            "`model` must return a functional or sequential model.*Received: Subclassed 'sub'",
        ),
        (compiled, {"learning_rate": 0.1}, "`learning_rate` must be None, since model"),
        (small, {"width": 3}, "`width` is no argument: only models of the zoo have other options"),
        (WithFit(), {}, "`model` must not have a `fit` of its own: use tuning.Tuner"),
    ],
)
def test_errors_of_models_of_users(digits, tmp_path, model, change, message):
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        tuning.tune(model, digits, directory=tmp_path / "search", verbose=0, **change)
    assert not (tmp_path / "search").exists()


SCRIPT = """
import sys
from occam import tuning, zoo

directory, data_dir = sys.argv[1:]
data = zoo.load_data("digits", data_dir=data_dir)
tuning.tune(
    "mlp", data, directory=directory, space=["l2", "dropout"], max_trials=3, epochs=3, units=(16,),
    racing=tuning.Racing(2, 2), verbose=0,
)
"""


@pytest.mark.slow
def test_a_killed_search_resumes_with_the_same_result(found, digits, data_dir, tmp_path):
    directory = tmp_path / "search"
    command = [sys.executable, "-c", SCRIPT, str(directory), str(data_dir)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.time() + 120
    while not (directory / "trial_1" / "execution-0.json").exists():
        assert process.poll() is None
        assert time.time() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = tuning.tune("mlp", digits, directory=directory, **ARGUMENTS)
    assert again.candidates == found.candidates
