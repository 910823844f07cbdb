"""`Fitter`: single fits of a model, all from the same weights, from which `train` is made."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from tqdm import tqdm
from tqdm.keras import TqdmCallback

from ...callbacks import (
    BackupAndRestore,
    BatchNormReestimation,
    EarlyStopping,
    LossLedger,
    Stopwatch,
    TensorBoard,
    Verdict,
    diagnose,
)
from ...callbacks.diagnosis.baseline_loss import fits_raw_targets
from ...callbacks.model_state import ModelState
from ...callbacks.variables import Weights
from ...core.text_table import counted
from ..data import Data
from ..regularization import Regularization
from . import engine
from .budget import Budget
from .run import RunDirectory


@dataclass(frozen=True)
class Fit:
    """A finished fit, whose weights the model has.

    Args:
        history: The value of each logged name after each epoch.
        best_epoch: The epoch, from 1, after which the model had its weights.
        seconds: The time of all epochs.
    """

    history: dict[str, list[Any]]
    best_epoch: int
    seconds: float


class Fitter:
    """Fits one model several times, each time from the weights that it has now.

    The model is compiled once, so that each fit has the same optimizer, in its first state, the
    same schedule and the same seeds.

    Args:
        learning_rate: The peak of the learning rate, or `None` for a model that a user compiled.
        model, data, regularization, budget, seed, train_eval, callbacks, verbose: As in `train`.
    """

    def __init__(
        self,
        model: keras.Model,
        data: Data,
        regularization: Regularization,
        budget: Budget,
        *,
        learning_rate: float | None = None,
        seed: int = 0,
        train_eval: float = 0.0,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        verbose: int = 0,
    ):
        self.model, self.data, self.regularization = model, data, regularization
        self.seed, self.train_eval = seed, train_eval
        self.callbacks, self.verbose = list(callbacks), verbose
        if learning_rate is not None:
            self._state = Weights(model.variables)
        else:
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)
            self._state = ModelState(model).weights
        self._initial = [np.array(value) for value in self._state.arrays()]
        self.compile(budget, learning_rate)

    def compile(self, budget: Budget, learning_rate: float | None, *, cycles: int = 1) -> None:
        """Set the length and the peak of the learning rate of the next fits.

        In `cycles` of the same length, the learning rate falls from its peak to 0.
        """
        self.budget, self.learning_rate, self.cycles = budget, learning_rate, cycles
        self.trainee = self.model
        self._state.assign(self._initial)
        if learning_rate is not None:
            self.trainee = engine.compile_model(
                self.model,
                self.data,
                self.regularization,
                epochs=budget.epochs // cycles,
                epoch_steps=budget.epoch_steps,
                restarts=cycles > 1,
                learning_rate=learning_rate,
            )

    def reset(self) -> None:
        """Give the model its first weights, and the optimizer its first state."""
        self._state.assign(self._initial)
        if self.learning_rate is not None:
            for variable in self.trainee.optimizer.variables:  # of AdamW, all begin as 0
                variable.assign(np.zeros(variable.shape, variable.dtype))

    def fit(
        self,
        data: Data,
        *,
        epochs: int | None = None,
        files: RunDirectory | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> Fit:
        """Fit the model to the training part of `data`.

        With a validation part and a patience, the model has the weights of its best epoch at the
        end, otherwise the last ones.

        Args:
            data: The data, or other rows of it.
            epochs: The number of epochs of the schedule; by default all.
            files: The directory whose saved state to begin with, and to log into.
            callbacks: More callbacks, which see the model before the callbacks of a user.
        """
        self.reset()
        epochs = self.budget.epochs if epochs is None else epochs
        stopwatch = Stopwatch()
        stopping = None
        if self.budget.patience and "validation" in data.raw_splits:
            stopping = EarlyStopping(patience=self.budget.patience, verbose=0)
        evaluated = engine.train_eval_batches(data, self.train_eval) if self.train_eval else None
        ours = [BatchNormReestimation(engine.first_batches(data)), LossLedger(evaluated)]
        ours += [*callbacks, *self.callbacks, stopwatch, *([stopping] if stopping else [])]
        if self.verbose:
            ours.append(TqdmCallback(epochs=epochs, verbose=0))
        first_epoch = 0
        if files:
            first_epoch, loggers = self._loggers(data, files, ours, epochs)
            ours += loggers
        history = engine.fit(
            self.trainee,
            data,
            self.regularization,
            epochs=epochs,
            epoch_steps=self.budget.epoch_steps,
            seed=self.seed,
            first_epoch=first_epoch,
            callbacks=ours,
        )
        best_epoch = stopping.best_epoch + 1 if stopping else len(history["loss"])
        return Fit(history, best_epoch, stopwatch.seconds)

    def _loggers(
        self, data: Data, files: RunDirectory, ours: list[Any], epochs: int
    ) -> tuple[int, list[Any]]:
        """Return the first epoch that is not yet saved, and the callbacks that save and log."""
        files.path.mkdir(parents=True, exist_ok=True)
        pictures = {}
        if (
            "validation" in data.raw_splits
            and not engine.is_compiled(self.trainee)
            and not isinstance(data.input_shape, dict)
        ):
            pictures = {"validation": data.validation, "class_names": data.task.names}
            pictures |= {"task": data.task.kind, "pictures_freq": None}
        backup = BackupAndRestore(files.path, delete_checkpoint=False, callbacks=ours)
        if backup.epoch:
            files.write_history(backup.history)
        card = {"Regularization": self.regularization}
        loggers: list[Any] = [
            keras.callbacks.CSVLogger(files.history, append=backup.epoch > 0),
            TensorBoard(files.tensorboard, write_graph=False, card=card, **pictures),
            backup,
        ]
        return epochs if backup.stopped else backup.epoch, loggers

    def figures(
        self, data: Data, epochs: int, parts: Sequence[str] = engine.PARTS
    ) -> dict[str, Any]:
        """Evaluate the model on parts of the data; see `engine.figures`.

        Raises:
            FloatingPointError: If the data loss of the training part is not finite.
        """
        found = engine.figures(self.model, data, parts)
        if not math.isfinite(loss := found["train"]["data_loss"]):
            rate = f"{self.learning_rate:g}" if self.learning_rate else "that of the optimizer"
            raise FloatingPointError(
                f"The training diverged: after {counted(epochs, 'epoch')} the data loss of the "
                f"training part is {loss}. Try a learning rate below {rate}."
            )
        return found

    def verdict(self, history: dict[str, list[Any]], epochs: int) -> Verdict | None:
        """Return the diagnosis of the first epochs, or `None` if the baseline is not known."""
        baseline = engine.baseline_loss(self.model, self.data)
        if baseline is None:
            return None
        curves = {name: values[:epochs] for name, values in history.items()}
        return diagnose(curves, baseline=baseline, regression=fits_raw_targets(self.model))

    def say(self, text: str) -> None:
        """Print a line above the progress bar."""
        if self.verbose:
            tqdm.write(text, file=sys.stderr)
