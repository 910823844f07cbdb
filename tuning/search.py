"""The search: KerasTuner proposes candidates, and each is trained on every seed."""

import contextlib
import io
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine import base_tuner

from ..callbacks import BatchNormReestimation, EarlyStopping
from ..callbacks.tensorboard import HParams, Interval
from ..callbacks.tensorboard.event_file import EventFile
from ..callbacks.tensorboard.summaries import scalars
from ..zoo import Data, Regularization
from ..zoo.regularization import Choice
from ..zoo.training import engine
from ..zoo.training.work_directory import WorkDirectory
from .choice import OBJECTIVE, SIGN, Candidate
from .space import candidate_of, hyperparameters, values_of


@dataclass(frozen=True)
class CandidateRunner:
    """Trains each candidate on the same seeds, and reads finished runs back.

    Args:
        build: Function from a `Regularization` and a seed to a model.
        files: The directory of the search.
        seeds: The seeds of the runs.
        on_run: Function to call after each run.

    See `tune` for the other arguments.
    """

    build: Callable[[Regularization, int], keras.Model]
    data: Data
    space: tuple[str, ...]
    files: WorkDirectory
    seeds: tuple[int, ...]
    epochs: int
    learning_rate: float
    on_run: Callable[[], Any]

    def __call__(self, trial: int, regularization: Regularization) -> Candidate:
        """Train `regularization` on every seed."""
        runs = [self._figures(f"trial-{trial:03d}", regularization, seed) for seed in self.seeds]
        losses = tuple(SIGN * figures[OBJECTIVE.name] for figures in runs)
        metrics = tuple(figures[metric_of(self.data)] for figures in runs)
        return Candidate(trial, regularization, losses, metrics)

    def _figures(self, trial: str, regularization: Regularization, seed: int) -> dict[str, Any]:
        directory = self.files.path / trial / f"seed-{seed}"
        file = directory / "figures.json"
        if not file.exists():
            shutil.rmtree(directory, ignore_errors=True)  # left by a killed run
            figures = self._run(regularization, seed, directory)
            _log_trial(directory, regularization, self.space, trial, figures)
            self.files.write_json(file, {**regularization.to_dict(), **figures})
        self.on_run()
        return self.files.read_json(file)

    def _run(self, regularization: Regularization, seed: int, directory: Path) -> dict[str, float]:
        """Train once, and return the figures of the best epoch."""
        model = self.build(regularization, seed)
        budget = {"epochs": self.epochs, "learning_rate": self.learning_rate}
        trainee = engine.compile_model(model, self.data, regularization, **budget)
        stopping = EarlyStopping(
            OBJECTIVE.name,
            mode=OBJECTIVE.direction,
            patience=max(10, self.epochs // 5),
            verbose=0,
            restore_best_weights=False,
        )
        statistics = BatchNormReestimation(engine.first_batches(self.data))
        board = keras.callbacks.TensorBoard(directory, write_graph=False)
        history = engine.fit(
            trainee,
            self.data,
            regularization,
            epochs=self.epochs,
            seed=seed,
            callbacks=[stopping, statistics, board],
        )
        names = (OBJECTIVE.name, metric_of(self.data))
        return {name: float(history[name][stopping.best_epoch]) for name in names}


def metric_of(data: Data) -> str:
    """Return the name of the validation metric of the task in the history of a run."""
    return f"val_{data.task.metric}"


def search_candidates(
    evaluate: Callable[[int, Regularization], Candidate],
    *,
    space: Sequence[str],
    base: Regularization,
    known: Sequence[Regularization],
    max_trials: int,
    seed: int,
    directory: Path,
) -> tuple[Candidate, ...]:
    """Evaluate candidates, the same ones for the same seed, and return them in order.

    Args:
        evaluate: Function from the number of a trial and its `Regularization` to a `Candidate`.
        space: The fields of the search.
        base: The values of all other fields.
        known: The first candidates; only their fields in `space` are used.
        max_trials: The number of candidates.
        seed: The seed of the random candidates.
        directory: The directory for the files of KerasTuner.
    """
    oracle = KnownFirstOracle(
        known=[values_of(regularization, space) for regularization in known],
        objective=OBJECTIVE,
        max_trials=max_trials,
        hyperparameters=hyperparameters(space),
        seed=seed + 1,  # KerasTuner draws a seed if it is 0
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


class KnownFirstOracle(keras_tuner.oracles.RandomSearchOracle):
    """Random search that begins with known candidates, which need no search.

    Args:
        known: The values of the first trials; duplicates run once.
        **kwargs: The arguments of `keras_tuner.oracles.RandomSearchOracle`.
    """

    def __init__(self, known: Sequence[dict[str, Any]], **kwargs: Any):
        super().__init__(**kwargs)
        self.known = list(known)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        while self.known:
            values = self.known.pop(0)
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return super().populate_space(trial_id)


class PenaltyTuner(base_tuner.BaseTuner):
    """Passes the trials of KerasTuner to `evaluate`; see `search_candidates` for the arguments.

    Each search overwrites the files of KerasTuner (`.keras_tuner`), because a kill can leave them
    truncated. The progress of a search is in the directories of the trials.
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
        regularization = candidate_of(trial.hyperparameters.values, self.space, self.base)
        try:
            candidate = self.evaluate(int(trial.trial_id), regularization)
        except Exception as error:  # KerasTuner would count it as a bad candidate and go on
            raise keras_tuner.errors.FatalError(str(error)) from error
        self.candidates.append(candidate)
        return {OBJECTIVE.name: SIGN * candidate.loss}


# The HParams dashboard of TensorBoard


def log_experiment(directory: Path, space: Sequence[str], metric: str) -> None:
    """Write, once for all trials, the fields of the search and the metrics of a run."""
    hparams = HParams({}, {name: _range(name) for name in space})
    EventFile(directory).add(
        0, hparams.experiment([("", name) for name in (OBJECTIVE.name, metric)])
    )


def _log_trial(
    directory: Path,
    regularization: Regularization,
    space: Sequence[str],
    trial: str,
    figures: dict[str, float],
) -> None:
    """Write the values of one run and the figures of its best epoch.

    Fields that are off are 0 or "none", so no row has gaps.
    """
    values = {name: getattr(regularization, name) for name in space}
    hparams = HParams(values, {name: _range(name) for name in space}, trial)
    EventFile(directory).add(0, hparams.row(), scalars(figures))


def _range(name: str) -> Interval | Sequence[str]:
    strength = Regularization.fields()[name]
    if isinstance(strength, Choice):
        return (strength.off, *strength.options)
    return Interval(*strength.search, log=strength.scale == "log", off=strength.off)
