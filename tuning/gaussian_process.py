"""`GaussianProcessSampler`: Bayesian optimization by a Gaussian process, for Optuna."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState
from scipy import linalg, optimize, special
from scipy.spatial.distance import cdist
from threadpoolctl import ThreadpoolController

from ..core.checks import check_integer

Array = np.ndarray

# Means and standard deviations of the normal priors of the logarithms of the hyperparameters.
_LENGTH = (0.0, 1.0)  # log(sqrt(d)) is added to the mean for d parameters
_VARIANCE, _NOISE = (0.0, 1.0), (-4.0, 1.0)
_LIMITS = (np.log(1e-6), np.log(1e6))
_OFF = -0.1  # an inactive number, whose range is mapped to [0, 1]
_CANDIDATES, _NEIGHBORS, _WIDTHS = 500, 200, (0.1, 0.03, 0.01)


class GaussianProcessSampler(BaseSampler):
    """Propose the values with the largest expected improvement of a Gaussian process.

        y = f(x) + e,    f ~ GP(0, k),    e ~ N(0, noise)
        k(x, x') = variance (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r),    r = |(x - x') / length|
        EI(x) = E[max(0, best - f(x))]

    `y` are the losses, standardized; those further from the median than the best one are clipped,
    so that a diverged loss weighs no more than a bad one. `best` is the least posterior mean at a
    trial, since losses are noisy. There is a length scale for each parameter. They, the variance
    and the noise are those of the largest posterior density. The expected improvement is maximized
    over random candidates and neighbors of good ones; values that were tried are no candidates.

    Running trials count as finished with their posterior means (the "kriging believer"), without
    noise, so that several proposals differ. Failed and pruned trials, and infinite losses, are
    ignored. Integers and floats with steps are rounded before they are judged. Categories are
    one-hot.

    A parameter that some trials lack is conditional. It depends on the discrete parameter whose
    values separate the trials with it from those without, such as `"l2 on"` for `"l2"`. An inactive
    number lies one tenth below its range: off is next to the weak end. The switch has a length
    scale of its own, which says how different the two are. An inactive category is a zero vector.

    A proposal is a function of the seed, of the number of the trial and of the other trials:
    nothing else is remembered between trials.

    Args:
        seed: The seed. By default, random.
        n_startup_trials: The number of finished trials before the first one of the process. Until
            then, values are random.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or a study has several objectives.

    Example:

    >>> import optuna
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> def loss(trial):
    ...     x, y = trial.suggest_float("x", -1, 1), trial.suggest_float("y", 1e-5, 1, log=True)
    ...     return (x - 0.5) ** 2 + (math.log10(y) + 3) ** 2
    >>> study = optuna.create_study(sampler=GaussianProcessSampler(seed=0))
    >>> study.optimize(loss, n_trials=30)
    >>> study.best_value < 0.01
    True

    Reference: Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006; Jones et al.,
    Efficient Global Optimization of Expensive Black-Box Functions, 1998; Snoek et al., Practical
    Bayesian Optimization of Machine Learning Algorithms, 2012, https://arxiv.org/abs/1206.2944;
    Ginsbourger et al., Kriging Is Well-Suited to Parallelize Optimization, 2010; Hvarfner et al.,
    Vanilla Bayesian Optimization Performs Great in High Dimensions, 2024,
    https://arxiv.org/abs/2402.02229 (the prior of the length scales)
    """

    def __init__(self, *, seed: int | None = None, n_startup_trials: int = 10):
        if seed is not None:
            check_integer("seed", seed, minimum=0)
        check_integer("n_startup_trials", n_startup_trials, minimum=1)
        self.seed = np.random.SeedSequence(seed).entropy
        self.n_startup_trials = n_startup_trials
        self._random = RandomSampler(seed=seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        if len(study.directions) > 1:
            raise ValueError(
                "`study` must have one objective for GaussianProcessSampler. Received: "
                f"{len(study.directions)}"
            )
        space: dict[str, BaseDistribution] = {}
        for finished in study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]):
            space.update(finished.distributions)
        return {name: each for name, each in space.items() if not each.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        states = [TrialState.COMPLETE, TrialState.RUNNING]
        trials = study.get_trials(deepcopy=False, states=states)
        finished = [t for t in trials if t.value is not None and math.isfinite(t.value)]
        running = [t for t in trials if t.state == TrialState.RUNNING and t.params]
        if len(finished) < self.n_startup_trials or not search_space:
            return {}
        sign = -1 if study.direction.name == "MAXIMIZE" else 1
        losses = sign * np.array([each.value for each in finished], float)
        rng = np.random.default_rng([self.seed, trial.number])
        with _threadpools().limit(limits=1):
            return propose(search_space, finished, losses, running, rng)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)


def propose(
    search_space: Mapping[str, BaseDistribution],
    finished: Sequence[FrozenTrial],
    losses: Array,
    running: Sequence[FrozenTrial],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return the parameters with the largest expected improvement."""
    space = Space(search_space, finished)
    values = space.read([*finished, *running])
    x, n = space.features(values), len(finished)
    process = GaussianProcess.fit(x[:n], standardize(losses), space.groups).believe(x[n:])
    best = process.predict(x)[0].min()

    def score(candidates: Array) -> Array:
        """Return the log expected improvement; that of values that were tried is -inf."""
        features = space.features(candidates)
        tried = cdist(features, x).min(axis=1) < 1e-9
        return np.where(tried, -np.inf, log_expected_improvement(process, features, best))

    return space.write(maximize(score, space, values[np.argsort(losses)[:5]], rng))


@functools.cache
def _threadpools() -> ThreadpoolController:
    """Return the threads of BLAS; several are up to 30 times slower than one on small matrices."""
    return ThreadpoolController()


class Space:
    """The parameters of a study as arrays.

    Values have the shape `(n, parameters)`: numbers, indices of categories, and NaN where a
    parameter is inactive. Features have the shape `(n, features)`, with one feature for a number
    and one for each category.

    Args:
        space: The distribution of each parameter.
        trials: Trials, which tell on what the conditional parameters depend.

    Example:

    >>> from optuna.distributions import FloatDistribution, IntDistribution
    >>> from optuna.trial import create_trial
    >>> space = {
    ...     "on": CategoricalDistribution([False, True]),
    ...     "rate": FloatDistribution(1e-4, 1e-2, log=True),
    ... }
    >>> params = [{"on": True, "rate": 1e-3}, {"on": False}]
    >>> trials = [create_trial(value=0, params=p, distributions={n: space[n] for n in p})
    ...           for p in params]
    >>> Space(space, trials).features(Space(space, trials).read(trials)).round(2)
    array([[ 0.  ,  0.71,  0.5 ],
           [ 0.71,  0.  , -0.1 ]])
    """

    def __init__(self, space: Mapping[str, BaseDistribution], trials: Sequence[FrozenTrial]):
        self.space = dict(space)
        distributions: list[Any] = list(space.values())
        categories = [
            len(each.choices) if isinstance(each, CategoricalDistribution) else 0
            for each in distributions
        ]
        self.is_category = np.array(categories) > 0
        self.groups = np.repeat(np.arange(len(space)), np.maximum(categories, 1))
        numbers = [
            (0, count - 1, 1, False) if count else (each.low, each.high, each.step or 0, each.log)
            for each, count in zip(distributions, categories, strict=True)
        ]
        self.low, self.high, self.step = np.array([each[:3] for each in numbers], float).T
        self.is_log = np.array([each[3] for each in numbers])
        # A number with steps stands for the interval of half a step around it.
        self.first = self._warp(self.low - self.step / 2)
        self.last = self._warp(self.high + self.step / 2)
        self.conditions = self._conditions(self.read(trials))

    def read(self, trials: Sequence[FrozenTrial]) -> Array:
        """Return the values of trials."""
        values = np.full((len(trials), len(self.space)), np.nan)
        for row, params in zip(values, (trial.params for trial in trials), strict=True):
            for i, (name, each) in enumerate(self.space.items()):
                if name in params:
                    row[i] = each.to_internal_repr(params[name])
        return values

    def write(self, values: Array) -> dict[str, Any]:
        """Return the parameters of one row of values."""
        named = zip(self.space.items(), values.tolist(), strict=True)
        return {
            name: each.to_external_repr(value)
            for (name, each), value in named
            if not math.isnan(value)
        }

    def units(self, values: Array) -> Array:
        """Map values to [0, 1], evenly on the scale of each parameter."""
        return (self._warp(values) - self.first) / (self.last - self.first)

    def values(self, units: Array) -> Array:
        """Return the inverse of `units`, with NaN where a parameter is inactive."""
        values = self.first + units * (self.last - self.first)
        values = np.exp(values, where=self.is_log, out=values)
        step = np.where(self.step > 0, self.step, 1)
        on_grid = self.low + step * np.rint((values - self.low) / step)
        values = np.clip(np.where(self.step > 0, on_grid, values), self.low, self.high)
        for child, parent, off in self.conditions:
            inactive = np.isnan(values[:, parent]) | np.isin(values[:, parent], off)
            values[inactive, child] = np.nan
        return values

    def features(self, values: Array) -> Array:
        """Return the features of values. Those of two categories have the distance 1."""
        units = self.units(values)[:, self.groups]
        numbers = np.where(np.isnan(units), _OFF, units)
        first = np.searchsorted(self.groups, self.groups)  # column of the first category
        one_hot = values[:, self.groups] == np.arange(len(self.groups)) - first
        return np.where(self.is_category[self.groups], one_hot / np.sqrt(2), numbers)

    def _warp(self, values: Array) -> Array:
        values = np.array(values, float)
        return np.log(values, where=np.broadcast_to(self.is_log, values.shape), out=values)

    def _conditions(self, values: Array) -> list[tuple[int, int, list[float]]]:
        """Return each conditional parameter, the one it depends on, and the values that end it.

        Among the parameters that explain the trials, it is the one with the fewest values. Those
        that others depend on come first.
        """
        present = ~np.isnan(values)
        conditions = []
        for child in np.argsort(-present.sum(axis=0), kind="stable"):
            with_it, without = values[present[:, child]], values[~present[:, child]]
            found = []
            for parent in np.flatnonzero(self.step > 0) if len(without) else ():
                on, off = set(with_it[:, parent].tolist()), set(without[:, parent].tolist())
                off = {value for value in off if not math.isnan(value)}
                if off and not on & off and not any(map(math.isnan, on)):
                    found.append((len(on) + len(off), int(parent), sorted(off)))
            if found:
                conditions.append((int(child), *min(found)[1:]))
        return conditions


@dataclass(frozen=True)
class GaussianProcess:
    """A posterior Gaussian process with a Matern 5/2 kernel.

    Args:
        x: The inputs, of shape `(n, features)`.
        y: The outputs, of shape `(n,)`.
        groups: The index of the length scale of each feature.
        theta: The logarithms of the length scales, of the variance and of the noise.
        exact: The number of the last outputs that have no noise.

    Reference: Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006, algorithm 2.1
    """

    x: Array
    y: Array
    groups: Array
    theta: Array
    exact: int = 0

    @classmethod
    def fit(cls, x: Array, y: Array, groups: Array) -> "GaussianProcess":
        """Return the process with the hyperparameters of the largest posterior density."""
        d = int(groups.max()) + 1
        length = (_LENGTH[0] + np.log(d) / 2, _LENGTH[1])
        mean, deviation = np.array([length] * d + [_VARIANCE, _NOISE]).T

        def loss(theta: Array) -> tuple[float, Array]:
            likelihood, gradient = log_marginal_likelihood(x, y, groups, theta)
            z = (theta - mean) / deviation
            return z @ z / 2 - likelihood, z / deviation - gradient

        limits = [_LIMITS] * len(mean)
        options = {"maxiter": 20}
        found = optimize.minimize(loss, mean, jac=True, bounds=limits, options=options)
        return cls(x, y, groups, found.x)

    def believe(self, x: Array) -> "GaussianProcess":
        """Return the process after observing its own means at `x`, without noise."""
        y = np.append(self.y, self.predict(x)[0])
        x = np.concatenate([self.x, x])
        return GaussianProcess(x, y, self.groups, self.theta, len(x) - len(self.x))

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return the means and the variances of `f` at `x`."""
        lower, alpha = self._solution
        covariance, _ = _matern(self.x, x, self.groups, self.theta)
        v = linalg.solve_triangular(lower, covariance, lower=True, check_finite=False)
        return covariance.T @ alpha, np.exp(self.theta[-2]) - (v**2).sum(axis=0)

    @functools.cached_property
    def _solution(self) -> tuple[Array, Array]:
        """The Cholesky factor of the covariance `K` of `y`, and `K^-1 y`."""
        covariance, _ = _matern(self.x, self.x, self.groups, self.theta)
        noise = np.full(len(self.y), np.exp(self.theta[-1]))
        noise[len(noise) - self.exact :] = 1e-6 * np.exp(self.theta[-2])  # for a regular matrix
        lower = _cholesky(covariance, noise)
        return lower, linalg.cho_solve((lower, True), self.y, check_finite=False)


def log_marginal_likelihood(x: Array, y: Array, groups: Array, theta: Array) -> tuple[float, Array]:
    """Return the log marginal likelihood of a Gaussian process, and its gradient by `theta`.

        log p(y | x) = -y^T K^-1 y / 2 - log |K| / 2 - n log(2 pi) / 2
        gradient     = tr((a a^T - K^-1) dK/dtheta) / 2,    a = K^-1 y

    Reference: Rasmussen & Williams, 2006, equations 5.8 and 5.9
    """
    covariance, slope = _matern(x, x, groups, theta)
    lower = _cholesky(covariance, np.full(len(x), np.exp(theta[-1])))
    inverse = linalg.cho_solve((lower, True), np.eye(len(x)), check_finite=False)
    a = inverse @ y
    value = -y @ a / 2 - np.log(lower.diagonal()).sum() - len(x) / 2 * np.log(2 * np.pi)
    outer = np.outer(a, a) - inverse
    # sum_ij w_ij (x_i - x_j)^2 / 2 = sum_i x_i^2 sum_j w_ij - x^T w x, for symmetric w
    weights, scaled = outer * slope, x / np.exp(theta[:-2])[groups]
    squares = (scaled**2 * weights.sum(axis=1)[:, None] - scaled * (weights @ scaled)).sum(axis=0)
    of_lengths = np.bincount(groups, squares)
    of_variance = (outer * covariance).sum() / 2
    of_noise = outer.trace() * np.exp(theta[-1]) / 2
    return value, np.array([*of_lengths, of_variance, of_noise])


def _matern(x: Array, y: Array, groups: Array, theta: Array) -> tuple[Array, Array]:
    """Return the kernel `k(x, y)` and its slope `s`.

    dk / dlog(length_i) = s (x_i - y_i)^2 / length_i^2
    """
    lengths, variance = np.exp(theta[:-2])[groups], np.exp(theta[-2])
    r = np.sqrt(5) * cdist(x / lengths, y / lengths)
    decay = variance * np.exp(-r)
    return decay * (1 + r + r**2 / 3), decay * (1 + r) * (5 / 3)


def _cholesky(covariance: Array, noise: Array) -> Array:
    return linalg.cholesky(covariance + np.diag(noise), lower=True, check_finite=False)


def standardize(losses: Array) -> Array:
    """Return losses with the mean 0 and the standard deviation 1, after clipping bad ones.

        min(loss, median + (median - best))

    Example:

    >>> standardize(np.array([0.3, 1e9, 0.2])).round(2)
    array([ 0.  ,  1.22, -1.22])
    """
    median = np.median(losses)
    clipped = np.minimum(losses, median + (median - losses.min()))
    return (clipped - clipped.mean()) / (clipped.std() or 1)


def log_expected_improvement(process: GaussianProcess, x: Array, best: float) -> Array:
    """Return the logarithm of the expected improvement below `best`.

        EI = s (z cdf(z) + pdf(z)),    z = (best - mean) / s

    Reference: Ament et al., Unexpected Improvements to Expected Improvement for Bayesian
    Optimization, 2023, https://arxiv.org/abs/2310.20708 (where `z` is very negative)
    """
    mean, variance = process.predict(x)
    s = np.sqrt(np.maximum(variance, 1e-12))
    z = (best - mean) / s
    log_pdf = -(z**2) / 2 - np.log(2 * np.pi) / 2
    negative = np.minimum(z, 0)
    # cdf(z) / pdf(z) = sqrt(pi / 2) erfcx(-z / sqrt(2)), and EI -> s pdf(z) / z^2
    ratio = np.sqrt(np.pi / 2) * special.erfcx(-negative / np.sqrt(2))
    near = np.log(np.maximum(1 + negative * ratio, 1e-300))
    tail = np.where(z < -1e4, -2 * np.log(np.maximum(-z, 1)), near)
    positive = np.maximum(z, 0)
    pdf = np.exp(-(positive**2) / 2) / np.sqrt(2 * np.pi)
    log_ei = np.log(positive * special.ndtr(positive) + pdf)
    return np.log(s) + np.where(z > 0, log_ei, log_pdf + tail)


def maximize(
    score: Callable[[Array], Array], space: Space, good: Array, rng: np.random.Generator
) -> Array:
    """Return the values with the largest score among random ones and neighbors.

    Args:
        score: Function from values to their scores.
        space: The parameters.
        good: Values that may have good neighbors.
        rng: The generator of random numbers.
    """
    parameters = len(space.space)
    starts = space.units(good)
    units = rng.random((_CANDIDATES, parameters))
    units = np.concatenate([units, _neighbors(starts, 0.2, space, rng)])
    for width in _WIDTHS:
        scores = score(space.values(units))
        top = units[np.argsort(-scores, kind="stable")[:5]]
        units = np.concatenate([top, _neighbors(top, width, space, rng)])
    values = space.values(units)
    return values[np.argmax(score(values))]


def _neighbors(units: Array, width: float, space: Space, rng: np.random.Generator) -> Array:
    """Return random neighbors, which differ in about half or in one or two of the parameters."""
    rows = units[np.arange(_NEIGHBORS) % len(units)]
    new = rng.random(rows.shape)
    moved = 1 - np.abs(1 - np.abs(rows + width * rng.standard_normal(rows.shape)))
    moved = np.where(space.is_category | np.isnan(rows), new, np.clip(moved, 0, 1))
    share = rng.choice([0.5, 1.5 / rows.shape[1]], (_NEIGHBORS, 1))
    change = (rng.random(rows.shape) < share) | np.isnan(rows)
    return np.where(change, moved, rows)
