"""The search of `tune`: the penalties of a model as a hypermodel, trained as `zoo.train` does."""

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from ..callbacks import BatchNormReestimation, EarlyStopping, LossLedger
from ..zoo import Data, Regularization, regularize
from ..zoo.training import engine
from .choice import OBJECTIVE, SIGN, Candidate
from .execution import Execution
from .oracle import KnownFirst
from .penalty_space import PenaltySpace
from .tuner import Tuner

# From the hyperparameters of a trial, its regularization and a seed to a model.
Make = Callable[[keras_tuner.HyperParameters, Regularization, int], keras.Model]


class PenalizedModel(keras_tuner.HyperModel):
    """Build a model with the regularization of a trial, and train it on `data`.

    Args:
        make: Function that builds the model, compiled or not.
        space: The fields of the search.
        data: The data.
        epochs: The maximum number of epochs.
        learning_rate: The peak of the learning rate of models that are not compiled.
    """

    def __init__(
        self, make: Make, space: PenaltySpace, data: Data, *, epochs: int, learning_rate: float
    ):
        super().__init__()
        self.make, self.space, self.data = make, space, data
        self.epochs, self.learning_rate = epochs, learning_rate
        self.seed = 0  # of the next execution

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        regularization = self.space(hp)
        model = self.make(hp, regularization, self.seed)
        if engine.is_compiled(model):
            return model
        budget = {"epochs": self.epochs, "learning_rate": self.learning_rate}
        return engine.compile_model(model, self.data, regularization, **budget)

    def fit(
        self, hp: keras_tuner.HyperParameters, model: Any, *, callbacks: list[Any]
    ) -> keras.callbacks.History:
        stopping = EarlyStopping(
            OBJECTIVE.name,
            mode=OBJECTIVE.direction,
            patience=max(10, self.epochs // 5),
            verbose=0,
            restore_best_weights=False,
        )
        ours = [BatchNormReestimation(engine.first_batches(self.data)), stopping]
        if engine.is_compiled(model):
            ours.insert(0, LossLedger())
        history = keras.callbacks.History()
        history.history = engine.fit(
            model,
            self.data,
            self.space(hp),
            epochs=self.epochs,
            seed=self.seed,
            callbacks=[*ours, *callbacks],
        )
        return history


class PenaltyTuner(Tuner):
    """Search the penalties of a `PenalizedModel`, without keeping its weights.

    Args:
        hypermodel: The model.
        known: The values of the first trials.
        max_trials: The number of trials.
        seed: The seed of the search, and of the first execution of a trial.
        directory: The directory of the search.
        on_execution: Function to call after each execution.
        **kwargs: The other arguments of `Tuner`.
    """

    def __init__(
        self,
        hypermodel: PenalizedModel,
        *,
        known: Sequence[Mapping[str, Any]],
        max_trials: int,
        seed: int,
        directory: Path,
        on_execution: Callable[[], Any],
        **kwargs: Any,
    ):
        self.on_execution = on_execution
        oracle = KnownFirst(
            known,
            objective=OBJECTIVE,
            max_trials=max_trials,
            seed=seed,
            max_consecutive_failed_trials=max_trials,
        )
        oracle.verbose = 0
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner"
            super().__init__(
                hypermodel,
                oracle=oracle,
                seed=seed,
                directory=directory.parent,
                project_name=directory.name,
                **kwargs,
            )

    def candidates(self, metric: str) -> tuple[Candidate, ...]:
        """Return the trials in the order in which they began."""
        return tuple(self._candidate(trial_id, metric) for trial_id in self.oracle.start_order)

    def on_execution_end(self, trial: Any, number: int, execution: Execution) -> None:
        self.on_execution()

    def _candidate(self, trial_id: str, metric: str) -> Candidate:
        executions, space = self.executions(trial_id), self.hypermodel.space
        hp = self.oracle.get_trial(trial_id).hyperparameters.copy()
        names = {name for field in space.fields for name in (field, f"{field} on")}
        diverged = float("inf")
        return Candidate(
            int(trial_id),
            space(hp),
            tuple(diverged if e.score is None else SIGN * e.score for e in executions),
            tuple(float("nan") if e.score is None else e.metrics[metric] for e in executions),
            {name: value for name, value in hp.values.items() if name not in names},
        )

    def _try_build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        self.hypermodel.seed = self._execution_seed
        return super()._try_build(hp)

    def _callbacks(self, *args: Any) -> tuple[list[Any], list[Any]]:
        return [], []


def penalized(model: keras.Model, regularization: Regularization, seed: int) -> keras.Model:
    """Return a copy of a model with the penalties and rates of a trial, compiled as the model is.

    The copy has the same weights.
    """
    copy, _ = regularize(model, regularization.only("model"), seed=seed)
    if engine.is_compiled(model):
        copy.compile_from_config(model.get_compile_config())
    return copy
