"""Oracles: `KnownFirst`, and what KerasTuner's own need."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras_tuner

OF_THE_LEDGER = ("data_loss", "penalty", "val_data_loss", "val_penalty")


class KnownFirst(keras_tuner.oracles.RandomSearchOracle):
    """Random search that begins with known values.

    Without any, it begins with the default values of the search space, which the oracles of
    KerasTuner never try.

    Args:
        known: The values of the first trials by name; other hyperparameters have their defaults.
            Equal candidates run once.
        seed: The seed of the random values; unlike in KerasTuner, 0 is a seed.
        **kwargs: The other arguments of `keras_tuner.oracles.RandomSearchOracle`.

    Example:

    >>> oracle = KnownFirst([{"rate": 0.2}], objective="val_loss", max_trials=2)
    >>> rate = oracle.hyperparameters.Float("rate", 0.0, 1.0)
    >>> oracle.populate_space("0")["values"]
    {'rate': 0.2}
    """

    def __init__(self, known: Sequence[Mapping[str, Any]] = (), *, seed: int = 0, **kwargs: Any):
        super().__init__(seed=seed + 1, **kwargs)  # KerasTuner draws a seed if it is 0
        self.known = tuple(known)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        for values in known_values(self.known, self.hyperparameters):
            if not is_tried(values, self.trials):
                return {"status": "RUNNING", "values": values}
        return super().populate_space(trial_id)


def known_values(
    known: Sequence[Mapping[str, Any]], space: keras_tuner.HyperParameters
) -> Iterator[dict[str, Any]]:
    """Yield the values of the active hyperparameters of each known candidate.

    Hyperparameters without a known value have their defaults. Without candidates, it yields the
    defaults of all.
    """
    for candidate in known or [{}]:
        hp = keras_tuner.HyperParameters()
        hp.values = dict(candidate)
        for parameter in space.space:
            hp.merge([parameter], overwrite=False)
        yield {p.name: hp.values[p.name] for p in hp.space if hp.is_active(p)}


def is_tried(values: Mapping[str, Any], trials: Mapping[str, Any]) -> bool:
    """Return whether a trial has these values, as far as it has declared the hyperparameters."""
    tried = [trial.hyperparameters.values for trial in trials.values()]
    return any(all(own.get(n, value) == value for n, value in values.items()) for own in tried)


def objective_of(objective: Any) -> Any:
    """Return the objective of a name of the ledger, or of a list with such names."""
    if isinstance(objective, list):
        return [objective_of(each) for each in objective]
    if isinstance(objective, str) and objective in OF_THE_LEDGER:
        return keras_tuner.Objective(objective, "min")
    return objective


def restore_grid(oracle: Any) -> None:
    """Give a grid search its place in the grid, which its state of KerasTuner 1.4.8 lacks."""

    def compare(one: str, other: str) -> int:
        values = (oracle.trials[trial_id].hyperparameters.values for trial_id in (one, other))
        return oracle._compare(*values)

    oracle._ordered_ids = type(oracle._ordered_ids)()
    for trial_id in sorted(oracle.start_order, key=functools.cmp_to_key(compare)):
        oracle._ordered_ids.insert(trial_id)
    oracle._populate_next = list(oracle.end_order)
