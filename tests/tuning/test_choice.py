import math

import pytest

from occam.tuning.choice import Candidate, choose
from occam.zoo import Regularization


def tried(l2, *losses):
    return Candidate(0, Regularization(l2=l2), losses, metrics=())


def test_the_most_regularized_within_one_standard_error_is_chosen():
    best = tried(1e-5, 0.9, 1.1)  # mean 1, standard error 0.1
    within = tried(1e-3, 1.05, 1.1)
    beyond = tried(1e-2, 1.1, 1.2)
    assert choose([best, within, beyond], ["l2"]) is within


def test_with_one_seed_the_best_is_chosen():
    candidates = [tried(1e-2, 1.0), tried(0.0, 0.99)]
    assert choose(candidates, ["l2"]) is candidates[1]


def test_at_the_same_amount_the_better_one_is_chosen():
    worse, better = tried(1e-3, 0.8, 1.2), tried(1e-3, 0.7, 1.2)
    assert choose([worse, better], ["l2"]) is better


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_candidate_that_diverged_on_one_seed_is_ignored(bad):
    candidates = [tried(1e-2, 0.1, bad), tried(0.0, 1.0, 1.0)]
    assert choose(candidates, ["l2"]) is candidates[1]
    with pytest.raises(
        ValueError, match=r"No candidate trained to a finite loss. Received: 1 cand"
    ):
        choose(candidates[:1], ["l2"])


def test_a_smaller_norm_is_more_regularization():
    strengths = [Regularization(max_norm=norm) for norm in (0.0, 8.0, 0.5)]
    candidates = [Candidate(0, strength, (1.0, 1.0), ()) for strength in strengths]
    assert choose(candidates, ["max_norm"]) is candidates[2]
