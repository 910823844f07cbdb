"""KerasTuner's search, of candidates that are a `Regularization` each."""

import contextlib
import io
import os
from collections.abc import Callable, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine import base_tuner

from ..zoo import Regularization
from .candidate import Candidate
from .space import candidate_of, hyperparameters, values_of

__all__ = ["search_candidates"]


class KnownFirstOracle(keras_tuner.oracles.RandomSearchOracle):
    """Random search that begins with candidates which are known beforehand.

    KerasTuner never tries the default values; here the first trials are what a user would take
    without any search.

    Args:
        known: the values of the first trials; those that come twice are tried once.
        **kwargs: those of `keras_tuner.oracles.RandomSearchOracle`.
    """

    def __init__(self, known: Sequence[dict[str, Any]], **kwargs: Any):
        super().__init__(**kwargs)
        self.known = list(known)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The values of a trial; called by KerasTuner."""
        while self.known:
            values = self.known.pop(0)
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return super().populate_space(trial_id)


class PenaltyTuner(base_tuner.BaseTuner):
    """Hands KerasTuner's trials to a function that tries a `Regularization`.

    KerasTuner's own files (`.keras_tuner` in the search's directory) are written anew by each
    search: what a search has behind it is read from the trials' own directories, because a kill
    can leave KerasTuner's truncated.

    Args:
        evaluate: from a trial's number and its `Regularization` to its `Candidate`.
        space: the fields that are searched.
        base: gives the fields that are not.
        **kwargs: those of `keras_tuner.engine.base_tuner.BaseTuner`.
    """

    def __init__(
        self,
        evaluate: Callable[[int, Regularization], Candidate],
        *,
        space: Sequence[str],
        base: Regularization,
        **kwargs: Any,
    ):
        super().__init__(project_name=".keras_tuner", overwrite=True, **kwargs)
        self.evaluate = evaluate
        self.space = space
        self.base = base
        self.candidates: list[Candidate] = []

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Tries one candidate; called by KerasTuner."""
        regularization = candidate_of(trial.hyperparameters.values, self.space, self.base)
        try:
            tried = self.evaluate(int(trial.trial_id), regularization)
        except Exception as error:  # KerasTuner would count it as a bad candidate and go on
            raise keras_tuner.errors.FatalError(str(error)) from error
        self.candidates.append(tried)
        return {"val_data_loss": tried.loss}


def search_candidates(
    evaluate: Callable[[int, Regularization], Candidate],
    *,
    space: Sequence[str],
    base: Regularization,
    known: Sequence[Regularization],
    max_trials: int,
    seed: int,
    directory: os.PathLike[str],
) -> tuple[Candidate, ...]:
    """Tries candidates, the same ones for the same seed, and returns them in order.

    Args:
        evaluate: from a trial's number and its `Regularization` to its `Candidate`.
        space: the fields that are searched.
        base: gives the fields that are not.
        known: whose values of the searched fields are tried first.
        max_trials: number of candidates.
        seed: of the random ones.
        directory: for KerasTuner's files.
    """
    oracle = KnownFirstOracle(
        known=[values_of(regularization, space) for regularization in known],
        objective=keras_tuner.Objective("val_data_loss", "min"),
        max_trials=max_trials,
        hyperparameters=hyperparameters(space),
        seed=seed + 1,  # KerasTuner takes 0 for "any"
    )
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the names of its conditions
        tuner = PenaltyTuner(
            evaluate, space=space, base=base, oracle=oracle, directory=str(directory)
        )
        try:
            tuner.search(verbose=0)
        except keras_tuner.errors.FatalError as error:
            raise (error.__cause__ or error) from None
    return tuple(tuner.candidates)
