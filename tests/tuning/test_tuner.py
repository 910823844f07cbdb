import math
import os
import signal
import subprocess
import sys
import textwrap

import keras
import keras_tuner
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # pyright: ignore

from occam import tuning
from occam.callbacks import LossLedger
from occam.tuning.execution import describe

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int32")
FIT = {"validation_data": (X, Y), "epochs": 2, "batch_size": 16, "verbose": 0}


def build(hp):
    """A small classifier: `l2`, and a dropout with a rate only if it is on."""
    l2 = keras.regularizers.L2(hp.Float("l2", 1e-5, 10.0, sampling="log"))
    layers = [keras.layers.Dense(8, "relu", kernel_regularizer=l2)]
    if hp.Boolean("drop"):
        with hp.conditional_scope("drop", [True]):
            layers.append(keras.layers.Dropout(hp.Float("rate", 0.1, 0.5)))
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    """A finished search of three trials with two executions each, logged for TensorBoard."""
    directory = tmp_path_factory.mktemp("tuner")
    found = tuning.Tuner(build, max_trials=3, executions_per_trial=2, directory=directory)
    board = keras.callbacks.TensorBoard(directory / "tensorboard", write_graph=False)
    found.search(X, Y, callbacks=[board], **FIT)
    return found


def test_it_has_the_methods_of_keras_tuner(tuner, capsys):
    assert isinstance(tuner, keras_tuner.Tuner)
    tuner.search_space_summary()
    tuner.results_summary()
    assert "Trial 0 summary" in capsys.readouterr().out
    assert set(tuner.get_best_hyperparameters()[0].values) >= {"l2", "drop"}
    assert tuner.remaining_trials == 0


def test_an_oracle_without_an_objective_gets_the_data_loss(tmp_path):
    oracle = keras_tuner.oracles.HyperbandOracle(max_epochs=2)
    found = tuning.Tuner(build, oracle=oracle, directory=tmp_path)
    assert (found.oracle.objective.name, found.oracle.objective.direction) == (
        "val_data_loss",
        "min",
    )

    class OwnFit(keras_tuner.HyperModel):
        def build(self, hp):
            return build(hp)

        def fit(self, hp, model, **kwargs):
            return 0.0

    oracle = keras_tuner.oracles.RandomSearchOracle(max_trials=2)
    tuning.Tuner(OwnFit(), oracle=oracle, directory=tmp_path / "own")
    assert oracle.objective.name == "default_objective"


def test_the_default_values_come_first(tuner):
    assert tuner.oracle.get_trial("0").hyperparameters.values == {"l2": 1e-5, "drop": False}


def test_the_objective_is_the_data_loss_and_not_the_penalized_loss(tuner):
    for trial in ("0", "1", "2"):
        for execution in tuner.executions(trial):
            history = execution.history
            assert execution.score == min(history["val_data_loss"])
            parts = np.add(history["val_data_loss"], history["val_penalty"])
            np.testing.assert_allclose(parts, history["val_loss"], rtol=1e-6)


def test_a_score_is_the_mean_of_the_executions_whose_scores_are_kept(tuner):
    table = tuner.table()
    assert list(table.index) == ["0", "1", "2"]
    for trial, row in table.iterrows():
        scores = [each.score for each in tuner.executions(trial)]
        assert [row.score_0, row.score_1] == scores
        assert row.score == pytest.approx(np.mean(scores))
        assert row.score_error == pytest.approx(abs(scores[0] - scores[1]) / 2)


def test_the_best_model_has_the_weights_of_its_best_epoch(tuner):
    best = tuner.oracle.get_best_trials()[0]
    (model,) = tuner.get_best_models()
    logs = model.evaluate(X, Y, return_dict=True, verbose=0)
    expected = min(each.score for each in tuner.executions(best.trial_id))
    assert logs["loss"] - float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_each_execution_logs_into_its_own_directory(tuner):
    root = os.path.join(tuner.directory, "tensorboard")
    runs = EventMultiplexer().AddRunsFromDirectory(root).Reload()
    for trial in ("0", "1", "2"):
        for number in (0, 1):
            run = f"{trial}/execution{number}"
            assert {run, f"{run}/train", f"{run}/validation"} <= set(runs.Runs())
            (name,) = (n for n in runs.PluginRunToTagToContent("hparams")[run] if "session" in n)
            content = runs.PluginRunToTagToContent("hparams")[run][name]
            start = HParamsPluginData.FromString(content).session_start_info
            # A row with a missing value would vanish from the parallel coordinates.
            assert {"l2", "drop", "rate"} <= set(start.hparams)
            assert start.group_name == trial
            assert "val_data_loss" in runs.GetAccumulator(run).Tags()["tensors"]
    (experiment,) = runs.PluginRunToTagToContent("hparams")["."].values()
    columns = HParamsPluginData.FromString(experiment).experiment.hparam_infos
    assert [each.name for each in columns] == ["l2", "log10_l2", "drop", "rate"]


def test_executions_are_paired_by_seed(tmp_path):
    weights = []

    class Recorded(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            weights.append(self.model.get_weights()[0])

    def without_effect(hp):
        hp.Choice("name", ["a", "b"])
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dropout(0.5)]
        )
        model.add(keras.layers.Dense(1))
        model.compile("adam", "mse")
        return model

    tuner = tuning.Tuner(without_effect, max_trials=2, executions_per_trial=2, directory=tmp_path)
    tuner.search(X, Y, callbacks=[Recorded()], **FIT)
    first, second = (tuner.executions(trial) for trial in ("0", "1"))
    assert [each.history for each in first] == [each.history for each in second]
    assert first[0].history != first[1].history
    np.testing.assert_array_equal(weights[0], weights[2])
    assert not np.array_equal(weights[0], weights[1])


def test_a_diverged_trial_fails_with_its_reason_and_the_search_goes_on(tmp_path):
    def diverging(hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(hp.Choice("rate", [0.01, 1e20])), "mse")
        return model

    tuner = tuning.Tuner(diverging, max_trials=2, executions_per_trial=2, directory=tmp_path)
    tuner.search(X, Y, **FIT)
    table = tuner.table()
    assert list(table.status) == ["COMPLETED", "FAILED"]
    assert math.isnan(table.score.iloc[1])
    message = tuner.oracle.get_trial("1").message
    assert message.startswith("The training diverged: val_data_loss is ")
    assert tuner.get_best_hyperparameters()[0]["rate"] == 0.01


def test_a_model_that_is_too_large_fails(tmp_path):
    tuner = tuning.Tuner(build, max_trials=1, max_model_size=10, directory=tmp_path)
    tuner.search(X, Y, **FIT)
    assert tuner.oracle.get_trial("0").message.startswith("The model has 58 parameters, more than")


def test_an_error_ends_the_search_which_resumes_once_it_is_corrected(tmp_path):
    def wrong(hp):
        if hp.Choice("units", [4, 0]) == 0:
            raise ZeroDivisionError("no units")
        return build(hp)

    def right(hp):
        hp.Choice("units", [4, 0])
        return build(hp)

    arguments = {"max_trials": 9, "directory": tmp_path}
    tuner = tuning.Tuner(wrong, **arguments)
    with pytest.raises(ZeroDivisionError, match="no units"):
        tuner.search(X, Y, **FIT)
    tried = len(tuner.oracle.trials)
    assert tried < 9
    corrected = tuning.Tuner(right, **arguments)
    corrected.search(X, Y, **FIT)
    table = corrected.table()
    assert list(table.status) == ["COMPLETED"] * 9
    assert table.units.iloc[tried - 1] == 0  # the trial that was interrupted


def test_callbacks_need_not_be_copyable(tmp_path):
    class Open(keras.callbacks.Callback):
        begun = 0

        def __init__(self):
            super().__init__()
            self.file = open(os.devnull)  # noqa: SIM115

        def on_train_begin(self, logs=None):
            Open.begun += 1

    callback = Open()
    tuner = tuning.Tuner(build, max_trials=2, directory=tmp_path)
    tuner.search(X, Y, callbacks=[callback], **FIT)
    callback.file.close()
    assert Open.begun == 2


def test_a_ledger_of_the_user_is_not_doubled(tmp_path):
    tuner = tuning.Tuner(build, max_trials=1, directory=tmp_path)
    tuner.search(X, Y, callbacks=[LossLedger(train_eval=(X, Y))], **FIT)
    assert "gap_loss" in tuner.executions("0")[0].metrics


def test_a_hypermodel_with_its_own_fit(tmp_path):
    class Scored(keras_tuner.HyperModel):
        def build(self, hp):
            return build(hp)

        def fit(self, hp, model, x, callbacks=None):
            return {"score": hp["l2"], "size": len(x)}

    objective = keras_tuner.Objective("score", "max")
    tuner = tuning.Tuner(Scored(), objective, 3, directory=tmp_path)
    tuner.search(X)
    table = tuner.table()
    assert list(table.score) == list(table.l2)
    assert tuner.get_best_hyperparameters()[0]["l2"] == table.l2.max()
    assert tuner.executions("0")[0].metrics == {"score": 1e-5, "size": 48}


# Resuming

SCRIPT = """
    import os, signal, sys
    import keras
    from occam import tuning
    from tests.tuning.test_tuner import FIT, X, Y, build

    class Kill(keras.callbacks.Callback):
        fits = 0
        def on_epoch_end(self, epoch, logs=None):
            Kill.fits += epoch == 0
            if Kill.fits == 4:  # the second execution of the second trial
                os.kill(os.getpid(), signal.SIGKILL)

    tuner = tuning.Tuner(build, max_trials=3, executions_per_trial=2, directory=sys.argv[1])
    tuner.search(X, Y, callbacks=[Kill()], **FIT)
"""


def test_an_overridden_run_trial(tmp_path):
    class Searched(tuning.Tuner):
        def run_trial(self, trial, x):
            return {"val_loss": trial.hyperparameters.Float("x", 0.0, 1.0)}

    tuner = Searched(objective="val_loss", max_trials=3, directory=tmp_path)
    tuner.search(X)
    assert tuner.get_best_hyperparameters()[0]["x"] == 0.0


def test_several_objectives(tmp_path):
    objective = ["val_data_loss", "val_accuracy"]
    tuner = tuning.Tuner(build, objective, 1, directory=tmp_path)
    tuner.search(X, Y, **FIT)
    metrics = tuner.executions("0")[0].metrics
    expected = metrics["val_data_loss"] - metrics["val_accuracy"]
    assert tuner.executions("0")[0].score == pytest.approx(expected)


def test_the_defaults_run_once_if_trials_declare_more(tmp_path):
    def layers(hp):
        model = keras.Sequential([keras.Input((4,))])
        for number in range(hp.Int("layers", 1, 3)):
            model.add(keras.layers.Dense(hp.Int(f"units_{number}", 2, 8)))
        model.add(keras.layers.Dense(1))
        model.compile("sgd", "mse")
        return model

    tuner = tuning.Tuner(layers, max_trials=6, directory=tmp_path)
    tuner.search(X, Y, **FIT)
    table = tuner.table()
    assert ((table.layers == 1) & (table.units_0 == 2)).sum() == 1
    assert table.filter(like="units_").shape[1] > 1  # more were declared


def test_a_killed_search_resumes_to_the_same_table(tmp_path, tuner):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    killed = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], env={**os.environ, "PYTHONPATH": root}
    )
    assert killed.returncode == -signal.SIGKILL
    resumed = tuning.Tuner(build, max_trials=3, executions_per_trial=2, directory=tmp_path)
    seconds = [resumed.executions(trial)[0].seconds for trial in ("0", "1")]
    resumed.search(X, Y, **FIT)
    assert resumed.table().equals(tuner.table())
    # The finished executions were read, not repeated.
    assert [resumed.executions(trial)[0].seconds for trial in ("0", "1")] == seconds


def test_a_finished_search_can_be_extended(tmp_path):
    tuning.Tuner(build, max_trials=1, directory=tmp_path).search(X, Y, **FIT)
    tuner = tuning.Tuner(build, max_trials=2, directory=tmp_path)
    assert list(tuner.table().index) == ["0"]
    tuner.search(X, Y, **FIT)
    assert list(tuner.table().index) == ["0", "1"]


def other_build(hp):
    hp.Int("depth", 1, 3)
    return build(hp)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"objective": "val_loss"}, "objective 'min val_data_loss', now 'min val_loss'"),
        ({"seed": 1}, "seed 0, now 1"),
        ({"oracle": tuning.OptunaOracle("val_data_loss", 3)}, "sampler None, now 'tpe'"),
        ({"executions_per_trial": 3}, "executions_per_trial 2, now 3"),
        ({"hypermodel": other_build}, "hyperparameter depth None, now {'type': 'Int'"),
        (
            {"oracle": keras_tuner.oracles.GridSearchOracle("val_loss")},
            "oracle 'DefaultsFirst', now 'GridSearchOracle'",
        ),
    ],
)
def test_a_project_of_another_search_is_refused(tuner, arguments, message):
    defaults = {"hypermodel": build, "executions_per_trial": 2, "directory": tuner.directory}
    with pytest.raises(ValueError, match="holds a search with other arguments") as error:
        tuning.Tuner(**{**defaults, **arguments})
    assert message in str(error.value)


def test_a_project_of_keras_tuner_is_refused(tmp_path):
    stock = keras_tuner.RandomSearch(build, "val_loss", 1, directory=tmp_path)
    stock.search(X, Y, **FIT)
    with pytest.raises(ValueError, match="untitled_project holds a project of another tuner"):
        tuning.Tuner(build, directory=tmp_path)
    tuning.Tuner(build, directory=tmp_path, overwrite=True)


def test_the_form_of_the_arguments_of_fit_does_not_matter(tuner):
    tuner.search(x=X, y=Y, **{**FIT, "epochs": np.int64(2)})


def test_trials_with_other_data_are_refused(tuner):
    with pytest.raises(ValueError, match=r"y 'int32 \(48,\), checksum .*; epochs 2, now 3"):
        tuner.search(X, 1 - Y, **{**FIT, "epochs": 3})


# The oracles of KerasTuner


@pytest.mark.parametrize("name", ["GridSearchOracle", "BayesianOptimizationOracle"])
def test_an_interrupted_search_of_any_oracle_resumes(tmp_path, name):
    class Interrupt(keras.callbacks.Callback):
        begun = 0

        def on_train_begin(self, logs=None):
            Interrupt.begun += 1
            if Interrupt.begun == 3:
                raise KeyboardInterrupt

    def make(directory):
        oracle = getattr(keras_tuner.oracles, name)(
            objective=keras_tuner.Objective("val_data_loss", "min"), max_trials=5, seed=1
        )
        return tuning.Tuner(build, oracle=oracle, directory=directory)

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "interrupted").search(X, Y, callbacks=[Interrupt()], **FIT)
    resumed, whole = make(tmp_path / "interrupted"), make(tmp_path / "whole")
    resumed.search(X, Y, **FIT)
    whole.search(X, Y, **FIT)
    assert resumed.table().equals(whole.table())


def test_hyperband_goes_on_with_the_optimizer(tmp_path):
    oracle = keras_tuner.oracles.HyperbandOracle("val_accuracy", max_epochs=4, factor=2, seed=1)
    tuner = tuning.Tuner(build, oracle=oracle, directory=tmp_path)
    in_order = {"validation_data": (X, Y), "batch_size": 48, "shuffle": False, "verbose": 0}
    tuner.search(X, Y, **in_order)
    table = tuner.table()
    promoted = table[table["tuner/initial_epoch"].gt(0) & ~table["drop"]].iloc[0]
    # Without dropout and in a fixed order, a training in two parts is one training.
    hp = keras_tuner.HyperParameters()
    hp.values = {"l2": promoted.l2, "drop": False}
    keras.utils.set_random_seed(0)
    epochs = int(promoted["tuner/epochs"])
    history = build(hp).fit(X, Y, epochs=epochs, **in_order).history
    (execution,) = tuner.executions(promoted.name)
    begin = int(promoted["tuner/initial_epoch"])
    np.testing.assert_allclose(execution.history["loss"], history["loss"][begin:], rtol=1e-6)


# Errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda d: tuning.Tuner(build, directory=d).search(X, Y, epochs=1),
            "The objective 'val_data_loss' needs `validation_data` or `validation_split`.",
        ),
        (
            lambda d: tuning.Tuner(
                build, keras_tuner.Objective("val_f1", "max"), directory=d
            ).search(X, Y, **FIT),
            "`objective` must be among the logged values, accuracy, .*objective='val_f1'",
        ),
        (
            lambda d: tuning.Tuner(
                build, "val_loss", oracle=keras_tuner.oracles.GridSearchOracle("val_loss")
            ),
            "`objective` must be an argument of `oracle`, if one is given.",
        ),
        (
            lambda d: tuning.Tuner(lambda hp: "model", directory=d).search(X, Y, **FIT),
            "`hypermodel` must be a function that returns a keras.Model. Received: .*model",
        ),
        (
            lambda d: tuning.Tuner(build, directory=d).search(X, Y, validation_data=None),
            "The objective 'val_data_loss' needs `validation_data`",
        ),
        (
            lambda d: tuning.Tuner(build, directory=d).search(X, Y, callbacks=LossLedger(), **FIT),
            "`callbacks` must be a list of keras.callbacks.Callback, or None.",
        ),
        (
            lambda d: tuning.Tuner(build(keras_tuner.HyperParameters())),
            "`hypermodel` must be a function .*; tuning.tune takes a Keras model",
        ),
        (lambda d: tuning.Tuner(build, oracle="optuna"), "`oracle` must be a keras_tuner.Oracle"),
        (lambda d: tuning.Tuner(build, max_trials=0), "`max_trials` must be an integer >= 1"),
    ],
)
def test_errors(tmp_path, call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(tmp_path)


def test_arguments_of_fit_are_told_apart():
    assert describe(X) != describe(X + 1)
    assert describe(np.array(["a", "b"], object)) != describe(np.array(["a", "c"], object))
    assert describe({"x": [X, 3], "y": None})["x"][1] == 3
