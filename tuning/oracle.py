"""The oracle `DefaultsFirst`, and additions to those of KerasTuner."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import keras_tuner

from ..callbacks.model_state import ModelState
from ..callbacks.state_file import StateFile

OF_THE_LEDGER = ("data_loss", "penalty", "val_data_loss", "val_penalty")


class DefaultsFirst(keras_tuner.oracles.RandomSearchOracle):
    """Random search that begins with the default values, which KerasTuner's never tries.

    Args:
        seed: The seed of the random values; unlike in KerasTuner, 0 is a seed.
        **kwargs: The other arguments of `keras_tuner.oracles.RandomSearchOracle`.

    Example:

    >>> oracle = DefaultsFirst(objective="val_loss", max_trials=2)
    >>> rate = oracle.hyperparameters.Float("rate", 0.0, 1.0, default=0.2)
    >>> oracle.populate_space("0")["values"]
    {'rate': 0.2}
    """

    def __init__(self, *, seed: int = 0, **kwargs: Any):
        super().__init__(seed=seed + 1, **kwargs)  # KerasTuner draws a seed if it is 0

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if not self.trials:
            (defaults,) = known_values((), self.hyperparameters)
            return {"status": "RUNNING", "values": defaults}
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


def directions_of(objective: Any) -> dict[str, str]:
    """Return the direction of each value in an objective of KerasTuner."""
    return getattr(objective, "name_to_direction", {objective.name: objective.direction})


def restore_grid(oracle: Any) -> None:
    """Give a grid search its place in the grid, which its state of KerasTuner 1.4.8 lacks."""

    def compare(one: str, other: str) -> int:
        values = (oracle.trials[trial_id].hyperparameters.values for trial_id in (one, other))
        return oracle._compare(*values)

    oracle._ordered_ids = type(oracle._ordered_ids)()
    for trial_id in sorted(oracle.start_order, key=functools.cmp_to_key(compare)):
        oracle._ordered_ids.insert(trial_id)
    oracle._populate_next = list(oracle.end_order)


class GoOn(keras.callbacks.Callback):
    """Begin a rung of Hyperband with the state at the end of another; save one's own."""

    def __init__(self, before: StateFile | None, after: StateFile):
        super().__init__()
        self.before, self.after = before, after

    def on_train_begin(self, logs: Any = None) -> None:
        if self.before:
            saved = self.before.read()
            state = ModelState(self.model).build_optimizers(saved["optimizers"])
            state.weights.assign(saved["variables"])

    def on_train_end(self, logs: Any = None) -> None:
        state = ModelState(self.model)
        variables = state.weights.arrays()
        self.after.write({"optimizers": state.optimizer_indices(), "variables": variables})
