"""`Candidate`: one trial of a search, and `CandidateRunner`, which tries it on every seed."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import keras

from ..callbacks import EarlyStopping
from ..zoo import Data, Regularization
from ..zoo.training import engine
from ..zoo.training.work_directory import WorkDirectory
from .choice import standard_error
from .hparams import log_trial

__all__ = ["Candidate", "CandidateRunner"]


@dataclass(frozen=True)
class Candidate:
    """A `Regularization` and how it did.

    Args:
        trial: its number, from 0.
        regularization: what was tried.
        losses: the smallest validation data loss of the run with each seed.
        accuracies: the validation accuracy at that epoch.
    """

    trial: int
    regularization: Regularization
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]

    @property
    def loss(self) -> float:
        """The mean of the losses."""
        return mean(self.losses)

    @property
    def loss_error(self) -> float:
        """The standard error of that mean."""
        return standard_error(self.losses)

    @property
    def accuracy(self) -> float:
        """The mean of the accuracies."""
        return mean(self.accuracies)


@dataclass(frozen=True)
class CandidateRunner:
    """Trains candidates on the same seeds each; runs that are finished are read back.

    Args:
        build: from a `Regularization` and a seed to a model.
        data: whose training and validation parts are used.
        space: the searched fields, which the HParams dashboard shows.
        files: the directory of the search.
        seeds: of the runs.
        epochs: the greatest number of epochs of a run.
        learning_rate: its peak.
        on_run: called after each run.
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
        """Tries `regularization` on every seed."""
        figures = [self._figures(f"trial-{trial:03d}", regularization, seed) for seed in self.seeds]
        losses, accuracies = zip(*figures, strict=True)
        return Candidate(trial, regularization, losses, accuracies)

    def _figures(self, trial: str, regularization: Regularization, seed: int) -> list[float]:
        directory = self.files.path / trial / f"seed-{seed}"
        figures = directory / "figures.json"
        if not figures.exists():
            shutil.rmtree(directory, ignore_errors=True)  # what a killed run has logged
            loss, accuracy = self._run(regularization, seed, directory)
            values = {"val_data_loss": loss, "val_accuracy": accuracy}
            log_trial(directory, regularization, self.space, trial, values)
            self.files.write_json(figures, {**regularization.to_dict(), **values})
        self.on_run()
        values = self.files.read_json(figures)
        return [values["val_data_loss"], values["val_accuracy"]]

    def _run(
        self, regularization: Regularization, seed: int, directory: Path
    ) -> tuple[float, float]:
        """One run: its smallest validation data loss, and the accuracy at that epoch."""
        model = self.build(regularization, seed)
        budget = {"epochs": self.epochs, "learning_rate": self.learning_rate}
        trainee = engine.compile_model(model, self.data, regularization, **budget)
        patience = max(10, self.epochs // 5)
        stopping = EarlyStopping(patience=patience, verbose=0, restore_best_weights=False)
        board = keras.callbacks.TensorBoard(directory, write_graph=False)
        history = engine.fit(
            trainee,
            self.data,
            regularization,
            epochs=self.epochs,
            seed=seed,
            callbacks=[stopping, board],
        )
        best = stopping.best_epoch
        return history["val_data_loss"][best], history["val_accuracy"][best]
