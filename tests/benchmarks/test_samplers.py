"""A search on a stand-in: what it begins with, what it takes, and what it costs."""

import numpy as np

from benchmarks.samplers import StandIn, features
from occam import tuning, zoo


class Forest:
    """The loss is the distance of the dropout rate from 0.3, in the place of trees."""

    def predict(self, rows):
        best = features(zoo.Regularization(dropout=0.3), ("dropout",))[0]
        return np.array([abs(dropout - best) for (dropout,) in rows])


def stand_in(noise):
    space = tuning.PenaltySpace(["dropout"])
    known = [space.values(zoo.Regularization(dropout=rate)) for rate in (0.0, 0.1)]
    losses = np.linspace(0, 1, 5)
    return StandIn(space, known, Forest(), losses, noise, correlation=1.0)


def test_a_search_begins_with_the_tiers_and_takes_the_best():
    losses, taken, seconds = stand_in(noise=0.0).search("tpe", trials=8, seed=0)
    expected = Forest().predict([[0.0], features(zoo.Regularization(dropout=0.1), ("dropout",))])
    assert losses[:2] == expected.tolist()
    assert len(losses) == 8
    assert taken == min(losses)
    assert seconds > 0


def test_noise_may_hide_the_best():
    found = [stand_in(noise=10.0).search("random", trials=8, seed=seed) for seed in range(5)]
    assert any(taken > min(losses) for losses, taken, _ in found)
