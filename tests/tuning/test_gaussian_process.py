import itertools
import math

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.trial import TrialState, create_trial
from scipy import integrate, stats
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from occam.tuning.gaussian_process import (
    GaussianProcess,
    GaussianProcessSampler,
    Space,
    log_expected_improvement,
    log_marginal_likelihood,
)

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def observed():
    """Inputs, outputs, the groups of the features, and hyperparameters."""
    rng = np.random.default_rng(0)
    x, y, theta = rng.random((20, 4)), rng.standard_normal(20), rng.normal(0, 0.5, 5)
    return x, y, np.array([0, 1, 1, 2]), theta


def minimize(loss, *, seed=0, trials=30, sampler=GaussianProcessSampler):
    """Return the study of a search."""
    study = optuna.create_study(sampler=sampler(seed=seed))
    study.optimize(loss, n_trials=trials)
    return study


def branin(trial):
    """A function with three global minima of 0.398 in a range from 0 to 308."""
    x, y = trial.suggest_float("x", -5.0, 10.0), trial.suggest_float("y", 0.0, 15.0)
    valley = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def penalized(trial):
    """A function that is least with the penalty `l2` on, at 0.001, and `dropout` off."""
    value = 1.0
    if trial.suggest_categorical("l2 on", [True, False]):
        value += 0.1 * (math.log10(trial.suggest_float("l2", 1e-6, 1e-1, log=True)) + 3) ** 2 - 0.5
    if trial.suggest_categorical("dropout on", [True, False]):
        value += trial.suggest_float("dropout", 0.05, 0.6)
    return value


def test_posterior_is_that_of_scikit_learn(observed):
    x, y, groups, theta = observed
    lengths, variance, noise = np.exp(theta[:-2])[groups], *np.exp(theta[-2:])
    kernel = ConstantKernel(variance) * Matern(lengths, nu=2.5)
    expected = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(x, y)
    new = np.random.default_rng(1).random((50, 4))
    mean, deviation = expected.predict(new, return_std=True)
    means, variances = GaussianProcess(x, y, groups, theta).predict(new)
    np.testing.assert_allclose(means, mean, atol=1e-6)
    np.testing.assert_allclose(variances, deviation**2, atol=1e-6)
    likelihood, _ = log_marginal_likelihood(x, y, groups, theta)
    assert likelihood == pytest.approx(expected.log_marginal_likelihood_value_)


def test_gradient_of_the_likelihood_is_that_of_finite_differences(observed):
    x, y, groups, theta = observed
    _, gradient = log_marginal_likelihood(x, y, groups, theta)
    differences = [
        (
            log_marginal_likelihood(x, y, groups, theta + step)[0]
            - log_marginal_likelihood(x, y, groups, theta - step)[0]
        )
        / 2e-5
        for step in 1e-5 * np.eye(len(theta))
    ]
    np.testing.assert_allclose(gradient, differences, atol=1e-6)


def test_believing_the_means_keeps_them_and_lowers_the_variance(observed):
    process = GaussianProcess(*observed)
    new = np.random.default_rng(1).random((3, 4))
    believer = process.believe(new)
    np.testing.assert_allclose(believer.predict(new)[0], process.predict(new)[0], atol=1e-9)
    assert (believer.predict(new)[1] < process.predict(new)[1]).all()


def test_fit_finds_the_parameters_without_effect():
    x = np.random.default_rng(0).random((60, 3))
    lengths = np.exp(GaussianProcess.fit(x, np.sin(6 * x[:, 0]), np.arange(3)).theta[:3])
    assert lengths[0] < 1 < lengths[1:].min() / 5


@pytest.mark.parametrize("below", [5.0, 0.5, 0.0, -0.5, -3.0])
def test_expected_improvement_is_the_mean_improvement(observed, below):
    process, x = GaussianProcess(*observed), np.full((1, 4), 0.4)
    mean, deviation = process.predict(x)[0][0], process.predict(x)[1][0] ** 0.5
    best = mean + below * deviation
    normal = stats.norm(mean, deviation)
    expected, _ = integrate.quad(
        lambda f: (best - f) * normal.pdf(f), best - 12 * deviation, best, epsabs=1e-12
    )
    (found,) = log_expected_improvement(process, x, best)
    assert found == pytest.approx(math.log(expected), abs=1e-6)


def test_log_expected_improvement_is_finite_and_rises_far_from_the_best(observed):
    process, x = GaussianProcess(*observed), np.full((1, 4), 0.4)
    values = [log_expected_improvement(process, x, -best)[0] for best in np.logspace(0, 8, 200)]
    assert np.isfinite(values).all()
    assert (np.diff(values) < 0).all()


def test_space_maps_values_to_units_and_back():
    space = Space(
        {
            "float": FloatDistribution(-1.0, 3.0),
            "log": FloatDistribution(1e-4, 1e-1, log=True),
            "step": FloatDistribution(0.0, 1.0, step=0.25),
            "int": IntDistribution(1, 9, step=2),
            "powers": IntDistribution(1, 64, log=True),
            "choice": CategoricalDistribution(["a", "b", "c"]),
        },
        (),
    )
    values = space.values(np.random.default_rng(0).random((500, 6)))
    np.testing.assert_allclose(space.values(space.units(values)), values)
    columns = [set(column) for column in values.T]
    assert columns[2] == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert columns[3] == {1, 3, 5, 7, 9}
    assert (min(columns[4]), max(columns[4])) == (1, 64)
    assert columns[5] == {0, 1, 2}
    assert ((values[:, 0] >= -1) & (values[:, 0] <= 3)).all()
    assert space.write(values[0]) == {
        **dict(zip(space.space, values[0], strict=True)),
        "choice": "abc"[int(values[0, 5])],
    }


def test_proposals_have_the_types_of_python():
    study = minimize(branin, trials=12)
    assert {type(value) for value in study.trials[-1].params.values()} == {float}


def test_space_finds_nested_conditions():
    space = {
        "optimizer": CategoricalDistribution(["sgd", "adam", "lion"]),
        "nesterov": CategoricalDistribution([False, True]),
        "momentum": FloatDistribution(0.1, 0.9),
        "beta": FloatDistribution(0.1, 0.9),
    }
    params = [
        {"optimizer": "sgd", "nesterov": True, "momentum": 0.5},
        {"optimizer": "sgd", "nesterov": False},
        {"optimizer": "adam", "beta": 0.5},
        {"optimizer": "lion", "beta": 0.5},
    ]
    trials = [
        create_trial(value=0.0, params=each, distributions={name: space[name] for name in each})
        for each in params
    ]
    values = Space(space, trials).values(np.random.default_rng(0).random((200, 4)))
    sgd, nesterov = values[:, 0] == 0, values[:, 1] == 1
    np.testing.assert_array_equal(~np.isnan(values[:, 1]), sgd)
    np.testing.assert_array_equal(~np.isnan(values[:, 2]), sgd & nesterov)
    np.testing.assert_array_equal(~np.isnan(values[:, 3]), ~sgd)


def test_it_finds_the_minimum_of_a_function_in_30_trials():
    found = [minimize(branin, seed=seed).best_value for seed in range(5)]
    chance = [minimize(branin, seed=s, sampler=RandomSampler).best_value for s in range(5)]
    assert max(found) < 0.6
    assert max(found) < min(chance)


def test_it_maximizes():
    study = optuna.create_study(direction="maximize", sampler=GaussianProcessSampler(seed=0))
    study.optimize(lambda trial: -branin(trial), n_trials=30)
    assert study.best_value > -0.6


def test_it_finds_which_penalties_are_on():
    for seed in range(3):
        best = minimize(penalized, seed=seed, trials=40).best_trial
        assert best.value < 0.52
        assert (best.params["l2 on"], best.params["dropout on"]) == (True, False)
        assert 1e-4 < best.params["l2"] < 1e-2


def test_it_finds_the_best_category_and_repeats_no_values():
    def loss(trial):
        category = trial.suggest_categorical("category", list("abcdefgh"))
        number = trial.suggest_int("number", 0, 9)
        return abs(number - 6) + 3 * abs(ord(category) - ord("c"))

    study = minimize(loss, trials=40)
    assert study.best_params == {"category": "c", "number": 6}
    proposals = [tuple(trial.params.values()) for trial in study.trials[10:]]
    assert len(set(proposals)) == len(proposals)
    assert not set(proposals) & {tuple(trial.params.values()) for trial in study.trials[:10]}


def test_the_first_trials_are_random():
    random = minimize(branin, trials=11, sampler=RandomSampler)
    study = minimize(branin, trials=11)
    assert [t.params for t in study.trials[:10]] == [t.params for t in random.trials[:10]]
    assert study.trials[10].params != random.trials[10].params


def test_a_proposal_depends_on_the_seed_and_the_trials_only():
    studies = [minimize(penalized, trials=14, seed=seed) for seed in (0, 0, 1)]
    params = [[trial.params for trial in study.trials] for study in studies]
    assert params[0] == params[1] != params[2]
    resumed = optuna.create_study(sampler=GaussianProcessSampler(seed=0))
    resumed.add_trials(studies[0].trials[:12])
    resumed.optimize(penalized, n_trials=2)
    assert [trial.params for trial in resumed.trials] == params[0]


def test_proposals_of_one_round_differ():
    for seed in range(3):
        study = minimize(branin, trials=15, seed=seed)
        for _ in range(4):
            branin(study.ask())
        places = [np.array(list(trial.params.values())) / 15 for trial in study.trials[15:]]
        distances = [math.dist(*pair) for pair in itertools.combinations(places, 2)]
        assert min(distances) > 0.02


def test_one_diverged_loss_does_not_hide_the_others():
    def loss(trial):
        return 1e30 if trial.number == 3 else branin(trial)

    assert minimize(loss).best_value < 0.6


@pytest.mark.parametrize("value", [1.0, math.inf])
def test_equal_losses(value):
    def loss(trial):
        penalized(trial)
        return value

    assert len(minimize(loss, trials=14).trials) == 14


def test_one_finished_trial():
    study = optuna.create_study(sampler=GaussianProcessSampler(seed=0, n_startup_trials=1))
    study.optimize(penalized, n_trials=4)
    assert len(study.trials) == 4


def test_failed_trials_are_ignored():
    study = minimize(branin, trials=12)
    kept = optuna.create_study(sampler=GaussianProcessSampler(seed=0))
    kept.add_trials(study.trials)
    for trial in kept.trials[-3:]:
        failed = create_trial(
            state=TrialState.FAIL, params=trial.params, distributions=trial.distributions
        )
        kept.add_trial(failed)
    study.add_trials([create_trial(state=TrialState.FAIL)] * 3)  # to the same number of trials
    branin(one := study.ask())
    branin(other := kept.ask())
    assert one.params == other.params


def test_a_space_that_is_used_up():
    study = minimize(lambda trial: trial.suggest_int("x", 1, 3), trials=14)
    assert {trial.params["x"] for trial in study.trials} == {1, 2, 3}


def test_errors():
    with pytest.raises(ValueError, match="`seed` must be an integer >= 0"):
        GaussianProcessSampler(seed=-1)
    with pytest.raises(ValueError, match="`n_startup_trials` must be an integer >= 1"):
        GaussianProcessSampler(n_startup_trials=0)
    study = optuna.create_study(directions=["minimize"] * 2, sampler=GaussianProcessSampler())
    with pytest.raises(ValueError, match="one objective"):
        study.ask().suggest_float("x", 0, 1)
