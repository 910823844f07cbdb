"""The search of `tune`: the penalties of a model as a hypermodel, trained as `zoo.train` does."""

import contextlib
import dataclasses
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras_tuner.src.engine.trial import Trial  # of KerasTuner 1.4.8; it is not public

from ..callbacks import BatchNormReestimation, EarlyStopping, LossLedger
from ..zoo import Data
from ..zoo.training import engine
from ..zoo.training.refined_loss import VAL_REFINED_LOSS, RefinedLoss
from .argument_space import ArgumentSpace
from .choice import Candidate
from .compiled_models import CompiledModels
from .execution import Execution, new_session
from .optuna_oracle import OptunaOracle
from .penalty_space import PenaltySpace
from .settings import Resources
from .shared_jobs import SharedJobs
from .subject import Make
from .tuner import Tuner
from .workers import Workers

# Candidates stop after this fraction of the epochs at the earliest. Earlier, the median would stop
# strongly regularized ones, which learn more slowly: after a fifth, it stopped two of four
# finalists of a search.
_PRUNED_FROM = 0.3
_MIN_EPOCHS = 5
_MIN_TRIALS = 4


class PenalizedModel(keras_tuner.HyperModel):
    """Build a model with the regularization and the arguments of a trial, and train it.

    Args:
        make: Function that builds the model, compiled or not.
        space: The fields of the search.
        arguments: The arguments of the training, and what is searched of them and of the model.
        data: The data.
        passes: The number of passes over the training part of `data` in an epoch; on a fold, an
            epoch has as many steps.
        folds: The data of each fold to train and judge on, or `[data]`.
        objective: The value in the history by which a training is judged; less is better.
        at_end: Whether a training is judged by its last epoch, and so does not stop early.

    `build` uses the seed and the fold of the attributes `seed` and `fold`, which `run` sets.
    """

    def __init__(
        self,
        make: Make,
        space: PenaltySpace,
        arguments: ArgumentSpace,
        data: Data,
        passes: int,
        folds: Sequence[Data],
        *,
        objective: keras_tuner.Objective,
        at_end: bool,
    ):
        super().__init__()
        self.make, self.space, self.arguments = make, space, arguments
        self.data, self.passes, self.folds = data, passes, folds
        self.objective, self.at_end = objective, at_end
        self.seed, self.fold = 0, 0  # of the next execution
        self.models = CompiledModels()
        self._batches: dict[tuple[int, int], Data] = {}

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        regularization = self.space(hp)
        model = self.make(hp, regularization, self.seed, **self.arguments.options(hp))
        arguments = self.arguments.training(hp)
        others = self.space.others(hp)
        if engine.is_compiled(model):
            return self.models.get(model, lambda: model, same=others)

        def compiled() -> keras.Model:
            return engine.compile_model(
                model,
                self._rows(arguments),
                regularization,
                epochs=arguments["epochs"],
                learning_rate=arguments["learning_rate"],
                epoch_steps=self._epoch_steps(arguments),
            )

        return self.models.get(model, compiled, regularization, same=others)

    def fit(
        self, hp: keras_tuner.HyperParameters, model: Any, *, callbacks: list[Any]
    ) -> keras.callbacks.History:
        arguments = self.arguments.training(hp)
        data, epochs = self._rows(arguments), arguments["epochs"]
        ours: list[Any] = [BatchNormReestimation(engine.first_batches(data))]
        if self.objective.name == VAL_REFINED_LOSS:
            ours.append(RefinedLoss(data))
        if not self.at_end:
            stopping = EarlyStopping(
                self.objective.name,
                mode="min",
                patience=max(10, epochs // 5),
                verbose=0,
                restore_best_weights=False,
            )
            ours.append(stopping)
        if engine.is_compiled(model):
            ours.insert(0, LossLedger())
        history = keras.callbacks.History()
        history.history = engine.fit(
            model,
            data,
            self.space(hp),
            epochs=epochs,
            epoch_steps=self._epoch_steps(arguments),
            seed=self.seed,
            callbacks=[*ours, *callbacks],
        )
        return history

    def run(
        self, hp: keras_tuner.HyperParameters, seed: int, fold: int, callbacks: Sequence[Any]
    ) -> tuple[Execution, keras_tuner.HyperParameters]:
        """Build and train the model of a trial with one seed, on one fold.

        Returns:
            The record, and the hyperparameters with those that the training declared.
        """

        def train() -> tuple[Any, None]:
            new_session(seed)
            self.seed, self.fold = seed, fold
            model = self.build(hp)
            keras.utils.set_random_seed(seed)
            return self.fit(hp, model, callbacks=list(callbacks)), None

        execution = Execution.run(train, self.objective, seed, at_end=self.at_end)
        stopped = any(c.stopped for c in callbacks if isinstance(c, MedianStopping))
        record = {"fold": fold, "reused": self.models.reused, "stopped": stopped}
        return dataclasses.replace(execution, **record), hp

    def _rows(self, arguments: dict[str, Any]) -> Data:
        """Return the data of the fold, in batches of the size of a trial."""
        key = self.fold, arguments["batch_size"]
        if key not in self._batches:  # its arrays are standardized once
            self._batches[key] = self.folds[self.fold].with_batch_size(key[1])
        return self._batches[key]

    def _epoch_steps(self, arguments: dict[str, Any]) -> int:
        return self.passes * self.data.with_batch_size(arguments["batch_size"]).steps_per_epoch


class MedianStopping(keras.callbacks.Callback):
    """Stop a training whose best loss so far is above the median of others at the same epoch.

        min over epochs i <= e of loss(i)  >  median(e),    e >= first

    Args:
        loss: The name of the loss in the logs.
        medians: The median of the best losses of other trainings after each epoch.
        first: The first epoch after which to stop, from 1.

    Reference: Golovin et al., Google Vizier: A Service for Black-Box Optimization, 2017, section
    3.2.2, with the best loss in the place of the mean
    """

    def __init__(self, loss: str, medians: Sequence[float], first: int):
        super().__init__()
        self.loss, self.medians, self.first = loss, medians, first
        self.best = math.inf
        self.stopped = False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.best = min(self.best, logs[self.loss])
        if epoch + 1 >= self.first and self.best > self.medians[epoch]:
            self.model.stop_training = self.stopped = True


class PenaltyTuner(Tuner):
    """Search the penalties of a `PenalizedModel`, without keeping its weights.

    Execution `n` of a trial has the seed `seed + n // k` and the fold `n % k`, of `k` folds. The
    score of a trial is the mean over the folds of the first seed.

    Args:
        hypermodel: The model.
        oracle: The oracle, with the objective of the model.
        seed: The seed of the first execution of each trial.
        directory: The directory of the search.
        on_execution: Function to call after each execution.
        resources: The number of processes that run executions; 1 for this process.
        prune: Whether candidates may stop early; see `MedianStopping`. Those that are judged by
            their last epoch do not, since their losses before may be smaller.
        shared: The jobs that several machines share, if they do.
    """

    def __init__(
        self,
        hypermodel: PenalizedModel,
        oracle: OptunaOracle,
        *,
        seed: int,
        directory: Path,
        on_execution: Callable[[], Any],
        resources: Resources,
        prune: bool,
        shared: SharedJobs | None = None,
    ):
        self.prune, self.shared = prune and not hypermodel.at_end, shared
        self._round_size = resources.round_size
        self.penalized, self.on_execution = hypermodel, on_execution
        several = resources.workers > 1
        self.workers = Workers(resources.workers, hypermodel.run) if several else None
        self._ended: set[tuple[str, int]] = set()
        self._curves: dict[tuple[str, int], np.ndarray] = {}
        self.folds = len(hypermodel.folds)
        oracle.verbose, oracle.shared = 0, shared
        path = {"directory": directory.parent, "project_name": directory.name}
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner"
            super().__init__(
                hypermodel, oracle=oracle, executions_per_trial=self.folds, seed=seed, **path
            )

    _restart = "resume=False"

    def race(self, finalists: int, seeds: int, callbacks: Sequence[Any]) -> None:
        """Run all trials on one seed, and the best of them on so many others, the same for all.

        With folds, a trial has a run on each fold for each seed.
        """
        for trial_id in self.oracle.end_order:  # of a search that is resumed
            for number, execution in enumerate(self.executions(trial_id)):
                self.on_execution_end(self.oracle.get_trial(trial_id), number, execution)
        try:
            self.search(callbacks=list(callbacks))
            numbers = range(self.folds, self.folds * (1 + seeds))
            finals = [(t, n) for n in numbers for t in self._finalists(finalists)]
            self._run_side_by_side(finals, callbacks)
            for trial, number in finals:
                self._execution(trial, number, callbacks)
        finally:
            if self.workers is not None:
                self.workers.close()

    def candidates(self, finalists: int, metric: str) -> tuple[Candidate, ...]:
        """Return the trials in the order in which they began."""
        finals = {trial.trial_id for trial in self._finalists(finalists)}
        return tuple(self._candidate(t, t in finals, metric) for t in self.oracle.start_order)

    def on_execution_end(self, trial: Trial, number: int, execution: Execution) -> None:
        if (trial.trial_id, number) not in self._ended:  # and not only read back again
            self._ended.add((trial.trial_id, number))
            self.on_execution()

    def _finalists(self, number: int) -> list[Any]:
        best = self.oracle.get_best_trials(number)
        return [trial for trial in best if trial.status == "COMPLETED"]

    def _candidate(self, trial_id: str, finalist: bool, metric: str) -> Candidate:
        space = self.penalized.space
        hp = self.oracle.get_trial(trial_id).hyperparameters.copy()
        # The first seed selected the finalists, so its score of them is too optimistic.
        executions = self.executions(trial_id)
        runs = executions[self.folds :] if finalist else executions[: self.folds]
        return Candidate(
            int(trial_id),
            space(hp),
            tuple(math.inf if run.score is None else run.score for run in runs),
            tuple(math.nan if run.score is None else run.metrics[metric] for run in runs),
            finalist,
            self.penalized.arguments.decoded(space.others(hp)),
            any(run.stopped for run in executions),
        )

    # One execution, here or in a worker

    def _execute(
        self, trial: Trial, number: int, callbacks: Sequence[Any], *nothing: Any
    ) -> Execution:
        execution, _ = self.penalized.run(*self._job(trial, number, callbacks))
        return execution

    def _job(self, trial: Trial, number: int, callbacks: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments of `PenalizedModel.run`."""
        copies = self._copies(trial, number, callbacks)
        seed, fold = divmod(number, self.folds)
        epochs = self.penalized.arguments.training(trial.hyperparameters)["epochs"]
        if self.prune and seed == 0 and (medians := self._medians(fold, epochs)):
            first = max(math.ceil(_PRUNED_FROM * epochs), _MIN_EPOCHS)
            copies.append(MedianStopping(self.penalized.objective.name, medians, first))
        return trial.hyperparameters, self.seed + seed, fold, copies

    def _medians(self, fold: int, epochs: int) -> list[float]:
        """Return the medians of the best losses of finished trials on a fold, after each epoch.

        A training that stopped counts with its best loss thereafter, and one of another length at
        the same fraction of its epochs. There are none for fewer than four trials.
        """
        for trial_id in self.oracle.end_order:
            if (trial_id, fold) in self._curves:
                continue
            for run in self.executions(trial_id)[fold : fold + 1]:
                if run.score is not None:
                    curve = np.minimum.accumulate(run.history[self.penalized.objective.name])
                    hp = self.oracle.get_trial(trial_id).hyperparameters
                    rest = self.penalized.arguments.training(hp)["epochs"] - len(curve)
                    self._curves[trial_id, fold] = np.pad(curve, (0, rest), mode="edge")
        after = np.arange(1, epochs + 1) / epochs
        curves = [
            curve[np.ceil(after * len(curve) - 1e-9).astype(int) - 1]
            for (_, number), curve in self._curves.items()
            if number == fold
        ]
        return np.median(curves, axis=0).tolist() if len(curves) >= _MIN_TRIALS else []

    def _run_side_by_side(self, jobs: Sequence[tuple[Trial, int]], callbacks: Any) -> None:
        """Let workers, or other machines, run the executions that have no record.

        Without any of them, `_execution` does.
        """
        if self.workers is None and self.shared is None:
            return
        missing = {}
        for trial, number in jobs:
            if not self._file(trial.trial_id, number, ".json").exists():
                job = self._job(trial, number, callbacks)
                missing[f"run {int(trial.trial_id)} {number}"] = trial, number, job
        shared = self.shared
        if shared is None:
            for name, (execution, hp) in self._run(missing):
                trial, number, _ = missing[name]
                self._keep(trial, number, execution, hp)
            return

        def keep(names: Sequence[str]) -> None:
            for name, result in shared.results(names).items():
                trial, number, _ = missing.pop(name)
                hp = keras_tuner.HyperParameters.from_config(result["hyperparameters"])
                self._keep(trial, number, Execution(**result["execution"]), hp)

        keep([*missing])
        while missing:
            ran = False
            for name, (execution, hp) in self._run(missing, shared.claim):
                result = {"execution": dataclasses.asdict(execution)}
                shared.finish(name, {**result, "hyperparameters": hp.get_config()})
                keep([name])
                ran = True
            if not ran:
                shared.wait()
            keep([*missing])

    def _run(
        self, jobs: Mapping[str, Any], claim: Callable[[str], bool] | None = None
    ) -> Iterator[tuple[str, Any]]:
        """Yield the name and the result of each job, here or in workers; see `Workers.run`."""
        arguments = {name: job for name, (*_, job) in jobs.items()}
        if self.workers is not None:
            yield from self.workers.run(arguments, claim)
            return
        for name, each in arguments.items():
            if claim is None or claim(name):
                yield name, self.penalized.run(*each)

    def _keep(self, trial: Trial, number: int, execution: Execution, hp: Any) -> None:
        """Keep the record of an execution, and the hyperparameters that it declared."""
        known = self.oracle.get_trial(trial.trial_id)
        known.hyperparameters = hp
        self._record(known, number, execution)
        self.on_execution_end(known, number, execution)

    def _run_trials(self, *, callbacks: Sequence[Any]) -> None:
        while trials := self._next_trials():
            runs = [(trial, fold) for trial in trials for fold in range(self.folds)]
            self._run_side_by_side(runs, callbacks)
            for trial in trials:
                self._try_run_and_update_trial(trial, callbacks=callbacks)
                self.on_trial_end(trial)

    def _next_trials(self) -> list[Trial]:
        """Return the trials of the next round, or of one that was interrupted.

        The trials of a round are proposed together. So what is proposed depends on the number of
        workers, but not on which of them is faster.
        """
        oracle: Any = self.oracle
        trials: list[Trial] = []
        while not trials or oracle._retry_queue or len(oracle.trials) % self._round_size:
            trial = oracle.create_trial(f"{self.tuner_id}-{len(trials)}")
            if trial.status == "STOPPED":
                break
            trials.append(trial)
        return trials

    def _callbacks(self, *args: Any) -> tuple[list[Any], list[Any]]:
        return [], []
