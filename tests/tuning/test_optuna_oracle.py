import math

import keras
import keras_tuner
import optuna
import pytest

from occam import tuning
from occam.tuning.optuna_oracle import SAMPLERS


class Function(keras_tuner.HyperModel):
    """A function of hyperparameters in the place of a training."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def build(self, hp):
        self.function(hp)
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    def fit(self, hp, model, **kwargs):
        return self.function(hp)


def search(function, directory, *, stop_at=None, **arguments):
    """Search the minimum of a function; raise KeyboardInterrupt in a trial, if it is given."""
    calls = []

    def counted(hp):
        calls.append(1)
        return function(hp)

    model = Function(function)
    if stop_at is not None:

        def fit(hp, model, **kwargs):
            value = counted(hp)
            if len(calls) == stop_at:
                raise KeyboardInterrupt
            return value

        model.fit = fit
    objective = keras_tuner.Objective("value", "min")
    oracle = tuning.OptunaOracle(objective, **{"max_trials": 8, **arguments})
    oracle.verbose = 0
    tuner = tuning.Tuner(model, oracle=oracle, directory=directory)
    try:
        tuner.search()
    except KeyboardInterrupt:
        assert stop_at is not None
    return tuner


def bowl(hp):
    """A function with its minimum, 0, at x = 0.3 and y = 0.001."""
    x, y = hp.Float("x", 0.0, 1.0), hp.Float("y", 1e-5, 1e-1, sampling="log")
    return (x - 0.3) ** 2 + 0.1 * (math.log10(y) + 3) ** 2


def every_kind(hp):
    values = [
        hp.Float("float", -1.0, 1.0),
        hp.Float("steps", 0.0, 1.0, step=0.25),
        hp.Float("reverse", 1e-3, 1.0, sampling="reverse_log"),
        hp.Int("int", 1, 5),
        hp.Int("even", 2, 8, step=2),
        hp.Int("powers", 1, 64, step=2, sampling="log"),
        hp.Choice("choice", [1, 10, 100]),
        hp.Fixed("fixed", 7),
    ]
    if hp.Boolean("on"):
        with hp.conditional_scope("on", [True]):
            values.append(hp.Float("inner", 1e-4, 1e-2, sampling="log"))
    return float(values[0])


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_every_kind_of_hyperparameter_stays_in_its_range(tmp_path, sampler):
    tuner = search(every_kind, tmp_path, sampler=sampler, max_trials=12)
    table = tuner.table()
    assert list(table.status) == ["COMPLETED"] * 12
    assert table.float.between(-1, 1).all()
    assert set(table.steps) <= {0.0, 0.25, 0.5, 0.75, 1.0}
    assert table.reverse.between(1e-3 - 1e-9, 1).all()
    assert set(table.int) <= {1, 2, 3, 4, 5}
    assert set(table.even) <= {2, 4, 6, 8}
    assert set(table.powers) <= {1, 2, 4, 8, 16, 32, 64}
    assert set(table.choice) <= {1, 10, 100}
    assert set(table.fixed) == {7}
    assert (table.inner.notna() == table.on).all()
    assert table.inner.dropna().between(1e-4, 1e-2).all()
    assert table.float.nunique() > 8


def test_the_defaults_or_known_values_come_first(tmp_path):
    assert search(bowl, tmp_path / "defaults").table().x.iloc[0] == 0.0
    known = [{"x": 0.5}, {"x": 0.5}, {"x": 7.0, "y": 1e-2}]
    table = search(bowl, tmp_path / "known", known=known).table()
    assert table[["x", "y"]].iloc[:2].values.tolist() == [[0.5, 1e-5], [7.0, 1e-2]]
    assert table.x.iloc[2] <= 1  # the sampler's


def test_tpe_finds_better_values_than_chance(tmp_path):
    best = {}
    for sampler in ("tpe", "random"):
        scores = [
            search(bowl, tmp_path / f"{sampler}{s}", sampler=sampler, seed=s, max_trials=25)
            .table()
            .score.min()
            for s in range(2)
        ]
        best[sampler] = sum(scores)
    assert best["tpe"] < best["random"]


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random"])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path, sampler):
    whole = search(bowl, tmp_path / "whole", sampler=sampler, max_trials=14)
    search(bowl, tmp_path / "parts", sampler=sampler, max_trials=14, stop_at=12)
    resumed = search(bowl, tmp_path / "parts", sampler=sampler, max_trials=14)
    assert resumed.table().equals(whole.table())


def test_the_study_has_the_scores_and_no_failed_trial(tmp_path):
    def sometimes(hp):
        value = bowl(hp)
        return math.nan if 0.4 < hp["x"] < 0.8 else value

    tuner = search(sometimes, tmp_path, max_trials=10, sampler="random")
    name = "untitled_project"
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{tmp_path}/{name}/optuna.db")
    values = [trial.value for trial in study.get_trials(states=[optuna.trial.TrialState.COMPLETE])]
    table = tuner.table()
    assert "FAILED" in set(table.status)
    assert values == list(table.score.dropna())


def test_a_trial_that_was_never_begun_is_dropped(tmp_path):
    tuner = search(bowl, tmp_path, max_trials=3)
    tuner.oracle.study.ask().set_user_attr("trial_id", "7")  # killed before the search was saved
    resumed = search(bowl, tmp_path, max_trials=5)
    assert list(resumed.table().status) == ["COMPLETED"] * 5
    assert len(resumed.oracle.study.get_trials(states=[optuna.trial.TrialState.FAIL])) == 1


def test_the_study_of_a_search_that_was_deleted_is_refused(tmp_path):
    storage = f"sqlite:///{tmp_path}/trials.db"
    search(bowl, tmp_path / "first", storage=storage)
    with pytest.raises(ValueError, match="`storage` has trials of another search"):
        search(bowl, tmp_path / "second", storage=storage)


def test_a_search_resumes_with_its_own_study(tmp_path):
    search(bowl, tmp_path, stop_at=4, storage=f"sqlite:///{tmp_path}/own.db")
    with pytest.raises(ValueError, match="`storage` must have the study 'untitled_project' of the"):
        search(bowl, tmp_path, storage=f"sqlite:///{tmp_path}/other.db")


def test_it_stops_when_all_values_were_tried(tmp_path):
    tuner = search(lambda hp: float(hp.Choice("x", [1, 2, 3])), tmp_path, max_trials=10)
    assert sorted(tuner.table().x) == [1, 2, 3]


class AlwaysOne(optuna.samplers.RandomSampler):
    def sample_independent(self, *args):
        return 1


def test_random_values_follow_if_a_sampler_repeats_itself(tmp_path):
    def function(hp):
        return float(hp.Int("x", 1, 50))

    tuner = search(function, tmp_path, max_trials=5, sampler=AlwaysOne())
    assert len(set(tuner.table().x)) == 5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sampler": "best"}, ValueError, "`sampler` must be one of 'tpe', 'cmaes', 'qmc', 'gp'"),
        (
            {"sampler": 3},
            TypeError,
            "`sampler` must be one of tpe, cmaes, qmc, gp, random, or a sampler",
        ),
        ({"max_trials": 0}, ValueError, "`max_trials` must be an integer >= 1"),
        ({"objective": ["val_loss", "val_accuracy"]}, ValueError, "must be one objective"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        tuning.OptunaOracle(**{"objective": "val_loss", "max_trials": 3, **arguments})
