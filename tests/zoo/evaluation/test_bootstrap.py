import numpy as np
import pytest
from scipy.stats import binom

from occam.zoo.evaluation import Interval, bootstrap_replicates


def test_an_interval_covers_the_mean_of_the_population_as_often_as_it_says():
    generator = np.random.default_rng(0)
    trials, covered = 200, 0
    for trial in range(trials):
        x = generator.normal(3.0, 2.0, size=60)
        drawn = bootstrap_replicates(lambda rows, x=x: {"mean": x[rows].mean()}, 60, 200, trial)
        interval = Interval.of(x.mean(), drawn["mean"])
        covered += interval.low <= 3.0 <= interval.high
    # The percentile interval of 60 rows is a little too narrow: about 94%.
    assert binom.ppf(0.001, trials, 0.93) <= covered <= binom.ppf(0.999, trials, 0.96)


def test_the_spread_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(1).exponential(size=400)
    drawn = bootstrap_replicates(lambda rows: {"mean": x[rows].mean()}, 400, 2000, 0)["mean"]
    # The relative error of a standard deviation of 2000 values is 1/sqrt(4000) = 1.6%.
    assert drawn.std() == pytest.approx(x.std() / 20, rel=0.07)


def test_equal_seeds_give_equal_replicates():
    first, second, other = (
        bootstrap_replicates(lambda rows: {"sum": rows.sum()}, 20, 5, seed)["sum"]
        for seed in (3, 3, [3, 1])
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_without_resamples_there_is_a_value_and_no_interval():
    assert bootstrap_replicates(lambda rows: {"n": len(rows)}, 5, 0) == {}
    interval = Interval.of(0.25, None)
    assert interval == (0.25, None, None)
    assert str(interval) == "0.25"


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="`rows` must be an integer >= 1"):
        bootstrap_replicates(lambda rows: {}, 0)
    with pytest.raises(ValueError, match="`resamples` must be an integer >= 0"):
        bootstrap_replicates(lambda rows: {}, 3, -1)
    with pytest.raises(TypeError, match="`statistic` must be a function"):
        bootstrap_replicates(3, 3)


def test_a_statistic_returns_figures_by_name():
    with pytest.raises(
        TypeError, match="`statistic` must be a function that returns a dict of fig"
    ):
        bootstrap_replicates(lambda rows: rows.mean(), 10, 5)
