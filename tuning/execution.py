"""`Execution`: the record of one training of a trial."""

import itertools
import math
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras_tuner.src.engine import tuner_utils  # of KerasTuner 1.4.8; none of it is public

from .oracle import directions_of

_SESSIONS_A_COLLECTION = 10
_sessions = itertools.count(1)


@dataclass(frozen=True)
class Execution:
    """One training of a trial.

    Args:
        seed: The seed of the initial weights, the order of samples and dropout.
        score: The best value of the objective over all epochs, or the last one with `at_end`;
            `None` if the training failed.
        best_epoch: The epoch of the score, from 1.
        history: The value of each name after each epoch; empty if `fit` returned numbers.
        metrics: The values at that epoch.
        seconds: The time of building and training.
        error: Why the training failed, or `None`.
        build_config: What an unbuilt model needs to be built.
        reused: Whether it trained a model that was compiled for an earlier one.
        stopped: Whether it was stopped because it was worse than others.
        fold: The number of the fold on which it was judged, from 0.
        at_end: Whether it is judged by its last epoch, and not by its best.
    """

    seed: int
    score: float | None
    best_epoch: int
    history: dict[str, list[Any]]
    metrics: dict[str, Any]
    seconds: float
    error: str | None = None
    build_config: dict[str, Any] | None = None
    reused: bool = False
    stopped: bool = False
    fold: int = 0
    at_end: bool = False

    @classmethod
    def run(
        cls,
        train: Callable[[], tuple[Any, dict[str, Any] | None]],
        objective: Any,
        seed: int,
        *,
        at_end: bool = False,
    ) -> "Execution":
        """Run `train` and return its record.

        Args:
            train: Function that builds and trains a model, and returns the result of
                `HyperModel.fit` and the build config of the model.
            objective: The objective of the search.
            seed: The seed of the training.
            at_end: Whether to judge by the last epoch, of a `fit` that returns a history.

        Raises:
            ValueError: If the objective is not among the logged values.
            Exception: If `train` raises an error that is not due to the hyperparameters.
        """
        began = time.perf_counter()
        build_config = None
        try:
            result, build_config = train()
            tuner_utils.validate_trial_results(result, objective, "HyperModel.fit()")
        except Exception as error:
            if not _is_failure_of_trial(error):
                raise
            result = str(error)
        seconds = round(time.perf_counter() - began, 3)
        if isinstance(result, str):
            return cls(seed, None, 0, {}, {}, seconds, result)
        history = {}
        if isinstance(result, keras.callbacks.History):
            history = {name: [_plain(v) for v in values] for name, values in result.history.items()}
            if missing := [name for name in directions_of(objective) if name not in history]:
                raise ValueError(
                    f"`objective` must be among the logged values, {', '.join(history)}. "
                    f"Received: objective={missing[0]!r}"
                )
        if error := _not_finite(history or result, objective):
            return cls(seed, None, 0, history, {}, seconds, error)
        if at_end:
            metrics = {name: values[-1] for name, values in history.items()}
            epoch = len(history[objective.name])
        else:
            values = tuner_utils.convert_to_metrics_dict(result, objective)
            metrics = {name: _plain(value) for name, value in values.items()}
            epoch = tuner_utils.get_best_step(result, objective) + 1 if history else 0
        score = float(objective.get_value(metrics))
        return cls(
            *(seed, score, epoch, history, metrics, seconds),
            build_config=build_config,
            at_end=at_end,
        )

    @property
    def result(self) -> keras.callbacks.History | dict[str, Any]:
        """The result of `HyperModel.fit`, in a form of which KerasTuner takes the same score."""
        if self.at_end or not self.history:
            return self.metrics
        history = keras.callbacks.History()
        history.history = self.history
        return history


def has_fit(hypermodel: keras_tuner.HyperModel) -> bool:
    """Return whether a hypermodel has a `fit` of its own."""
    return type(hypermodel).fit is not keras_tuner.HyperModel.fit


def new_session(seed: int) -> None:
    """Seed the random numbers of a model and let the names of its layers begin anew.

    KerasTuner collects garbage twice before each model, which takes 0.3 s each time.
    """
    policy = keras.config.dtype_policy()
    keras.utils.set_random_seed(seed)
    collects = next(_sessions) % _SESSIONS_A_COLLECTION == 0
    keras.backend.clear_session(free_memory=collects)
    keras.config.set_dtype_policy(policy)  # Keras forgets it, too


def _is_failure_of_trial(error: Exception) -> bool:
    """Return whether an error is due to the values of the hyperparameters."""
    expected = keras_tuner.errors.FailedTrialError | FloatingPointError
    return isinstance(error, expected) or type(error).__name__ == "ResourceExhaustedError"


def _not_finite(values: Any, objective: Any) -> str | None:
    """Return what is not finite in a history or result, or `None`."""
    if not isinstance(values, Mapping):
        values = {objective.name: values}
    for name in (*directions_of(objective), "loss", "val_loss"):
        for epoch, value in enumerate(np.atleast_1d(values.get(name, 0.0)), start=1):
            if not math.isfinite(value):
                return f"The training diverged: {name} is {value:g} after epoch {epoch}."
    return None


def _plain(value: Any) -> Any:
    """Return a number or an array as JSON values."""
    return np.asarray(value).tolist()


def describe(value: Any) -> Any:
    """Return JSON values that differ if two arguments of `fit` do, as far as one can tell.

    Arrays have a checksum; a dataset has the shapes and types of its elements only.

    Example:

    >>> describe({"x": np.zeros((2, 3), "float32"), "epochs": 5})
    {'x': 'float32 (2, 3), checksum a3c1ca20', 'epochs': 5}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): describe(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [describe(each) for each in value]
    if hasattr(value, "element_spec"):
        return f"dataset of {value.element_spec}"
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        content = repr(array.tolist()).encode() if array.dtype == object else array.tobytes()
        return f"{array.dtype} {array.shape}, checksum {zlib.crc32(content):08x}"
    return type(value).__name__
