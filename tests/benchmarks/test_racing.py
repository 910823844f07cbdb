import numpy as np
import pytest

from benchmarks.racing import SCHEMES, SEEDS, Scheme, _random_candidates, regret, take


def test_the_finalists_are_judged_on_other_seeds():
    accuracies = np.array([[0.9, 0.1, 0.1], [0.8, 0.7, 0.7], [0.7, 0.6, 0.8], [0.1, 1.0, 1.0]])
    assert take(Scheme(4), accuracies) == (0, 4)
    assert take(Scheme(4, 2), accuracies) == (1, 8)
    assert take(Scheme(4, 1, 3, 1), accuracies) == (1, 7)
    assert take(Scheme(4, 1, 3, 2), accuracies)[0] in (1, 2)
    assert take(Scheme(4, 1, 4, 2), accuracies) == (3, 12)


def test_a_finalist_that_is_worse_by_some_standard_errors_is_dropped_from_the_second_seed_on():
    # By 0.2 on both seeds (no error), by 0.1 and 0.3 (an error of 0.1), and by 0 and 0.8 (0.4).
    accuracies = np.array([[1, 0.9, 0.9, 0.9], [1, 0.7, 0.7, 0.7], [1, 0.8, 0.6, 0.9]])
    accuracies = np.vstack([accuracies, [1, 0.9, 0.1, 0.9]])
    assert take(Scheme(4, 1, 4, 3, 1.5), accuracies) == (0, 4 + 4 + 4 + 2)
    assert take(Scheme(4, 1, 4, 3, 3), accuracies) == (0, 4 + 4 + 4 + 3)
    assert take(Scheme(4, 1, 4, 3), accuracies) == (0, 16)


def test_the_schemes_to_compare_have_the_same_number_of_runs():
    assert {scheme.runs for scheme in SCHEMES} == {40, 60}
    assert str(Scheme(44, 1, 4, 4)) == "44 + 4 x 4"
    assert str(Scheme(30, 2)) == "30 x 2"
    assert str(Scheme(44, 1, 4, 4, 2)) == "44 + 4 x 4, drop 2"


def test_the_regret_of_a_search_that_tries_everything_is_zero_without_noise():
    accuracies = np.linspace(0, 1, 12)[:, None].repeat(SEEDS, axis=1).reshape(3, 4, SEEDS)
    mean, _, runs = regret({"table": accuracies}, _random_candidates(Scheme(12), 5))
    assert (mean, runs) == (0, 12)
    # Of one candidate at random, it is the mean distance to the best.
    mean, error, _ = regret({"table": accuracies}, _random_candidates(Scheme(1), 2000))
    assert mean == pytest.approx(0.5, abs=4 * error)
