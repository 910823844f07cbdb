"""`cross_validate`: the out-of-fold losses of a model, and the epochs that they choose."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ...core.checks import check_type, message
from ...core.statistics import mean_and_error
from ...core.text_table import counted
from ..data import Data
from ..data.folds import parse_folds
from ..regularization import Regularization
from ..tasks import Given, Task
from . import engine
from .fit import Fitter
from .prepare import prepare
from .run import RunDirectory

_GROUPS = 100  # of rows in a jackknife


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The result of `cross_validate`: what a model says of rows that it was not trained on.

    Args:
        folds: The number of folds and repeats, "5x2".
        histories: The history of each fold, repeat by repeat.
        losses: The data loss of each row after each epoch, `(epochs, rows)`, by the model of the
            fold that validates on it; the mean over the repeats. Rows are in the order of the
            training part of `data.without_validation()`.
        weights: The weight of each row in a mean `(rows,)`.
        scores: The scores of the task after `best_epoch`, each with its standard error. A score is
            the mean over the repeats of that of the outputs for all rows; its standard error is
            that of the jackknife over the rows, of at most 100 groups.
        best_epoch: The number of epochs, from 1: all, unless an earlier one is better by more than
            a standard error of the paired difference; see `choose_epoch`.
        seconds: The time of all epochs of all folds.

    Reference: Bengio & Grandvalet, No Unbiased Estimator of the Variance of K-Fold
    Cross-Validation, 2004, https://www.jmlr.org/papers/v5/grandvalet04a.html
    """

    folds: str
    histories: tuple[dict[str, list[Any]], ...]
    losses: np.ndarray
    weights: np.ndarray
    scores: dict[str, tuple[float, float]]
    best_epoch: int
    seconds: float

    @property
    def sample_losses(self) -> np.ndarray:
        """The data loss of each row `(rows,)` after `best_epoch`."""
        return self.losses[self.best_epoch - 1]

    @property
    def data_loss(self) -> float:
        """The mean of `sample_losses`."""
        return mean_and_error(self.sample_losses, self.weights)[0]

    @property
    def data_loss_error(self) -> float:
        """The standard error of `data_loss`, over rows that are taken to be independent.

        It is that of this training data. It does not know that the folds share most of their
        training rows, for which there is no unbiased estimator.
        """
        return mean_and_error(self.sample_losses, self.weights)[1]

    def difference(self, other: "CrossValidation") -> tuple[float, float]:
        """Return by how much the data loss is above that of `other`, with its standard error.

        The difference is taken row by row, so what makes a row hard for both cancels. Both must
        have the same rows.
        """
        if self.losses.shape[1] != other.losses.shape[1]:
            expected = f"a cross-validation of the same {self.losses.shape[1]} rows"
            raise ValueError(message("other", other.losses.shape[1], expected))
        return mean_and_error(self.sample_losses - other.sample_losses, self.weights)

    @cached_property
    def history(self) -> dict[str, list[float]]:
        """The mean of the histories."""
        names = [name for name in self.histories[0] if np.ndim(self.histories[0][name]) == 1]
        return {
            name: np.mean([fold[name] for fold in self.histories], axis=0).tolist()
            for name in names
        }

    @property
    def figures(self) -> dict[str, float]:
        """The figures of the validation in `Run.result`; `*_error` are standard errors."""
        means = {name: values[self.best_epoch - 1] for name, values in self.history.items()}
        parts = [f"val_{part}" for part in ("penalty", "smoothing", "weighting")]
        found = {n[4:]: v for n, v in means.items() if n.startswith("val_") and n not in parts}
        found |= {"data_loss": self.data_loss, "data_loss_error": self.data_loss_error}
        for name, (score, error) in self.scores.items():
            found |= {name: score, f"{name}_error": error}
        return {name: value for name, value in found.items() if np.isfinite(value)}

    def __str__(self) -> str:
        epochs = len(self.losses)
        after = f"after {counted(epochs, 'epoch')}"
        if self.best_epoch < epochs:
            after = f"after {self.best_epoch} of {epochs} epochs, the best beyond noise"
        loss = f"{self.data_loss:.3g} ± {self.data_loss_error:.2g}"
        return f"Out-of-fold data loss {loss} {after} (cv:{self.folds})"


def cross_validate(
    model: keras.Model,
    data: Data,
    folds: str | None = None,
    *,
    regularization: Regularization | str | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    train_eval: float = 0.0,
    log_dir: str | os.PathLike[str] | None = None,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] | None = None,
    resume: bool = True,
    verbose: int = 1,
) -> CrossValidation:
    """Train a model on each fold of the data, as `train` does, and judge it on the other rows.

    Every fold begins with the weights that the model has, with the same optimizer, schedule and
    seeds; at the end, the model has these weights again. An epoch has the same number of steps in
    each fold, so its number means the same for a training on all rows. No fold stops early.

    Args:
        model: As in `train`. A model compiled by a user must have one loss of Keras.
        data: The data, from `zoo.load_data`, in memory. The test part is not read.
        folds: "5x2" for 5 folds and 2 repeats; by default those of
            `load_data(validation="cv:5x2")`.
        log_dir: A directory, in which each fold has a run directory, `folds/0`, ... If the program
            is killed, the same call repeats no finished fold, and resumes the other one.
        regularization, epochs, steps, learning_rate, train_eval, seed, callbacks, resume,
            verbose: As in `train`. Callbacks are called in each fold.

    Raises:
        ValueError: If an argument is out of range, or the loss of a single sample is not known.
        DataError: (a ValueError) If the data cannot be divided; see `Data.folds`.
        FloatingPointError: If a fold diverged.

    Example:

    >>> from occam import zoo
    >>> data = zoo.load_data("breast_cancer")
    >>> model = zoo.create_model("mlp", data=data, regularization="none", seed=0, units=(8,))
    >>> found = cross_validate(model, data, "3", epochs=4, verbose=0)
    >>> found.losses.shape, len(found.histories), 0 < found.data_loss < 0.7
    ((4, 455), 3, True)
    """
    check_type("data", data, Data, Data.EXPECTED)
    if folds is None and data.cv is None:
        raise ValueError(
            "`folds` must be given, such as '5x2', unless the data has folds of its own: "
            "load_data(..., validation='cv:5x2')."
        )
    k, repeats = parse_folds(data.cv if folds is None else folds)
    fitter, config = prepare(
        model,
        data.without_validation(),
        regularization=regularization,
        epochs=epochs,
        steps=steps,
        patience=None,
        learning_rate=learning_rate,
        train_eval=train_eval,
        seed=seed,
        callbacks=callbacks,
        verbose=verbose,
    )
    files = None
    if log_dir is not None:
        files = RunDirectory(log_dir, job="cross-validation")
        config["training"]["folds"] = f"{k}x{repeats}"
        files.open(config, resume=resume)
    found = run_folds(fitter, data, k, repeats, files and files.path, config)
    fitter.reset()
    if files:
        files.delete_states()
    return found


def run_folds(
    fitter: Fitter,
    data: Data,
    k: int,
    repeats: int,
    directory: Path | None,
    config: dict[str, Any],
) -> CrossValidation:
    """Fit and judge each fold, or read the folds that are finished in `directory`.

    Args:
        config: The configuration of a training on all rows; that of a fold differs in its data.
        fitter, data, k, repeats, directory: As in `cross_validate`.
    """
    loss = None if isinstance(data.task, Given) else engine.sample_loss(fitter.model, data.task)
    if loss is None:
        raise ValueError(
            "Cross-validation needs the loss of each sample: a task from zoo.load_data, and a "
            f"model that is not compiled, or with one loss of Keras. Received: task "
            f"{data.task.kind!r} and loss {getattr(fitter.model, 'loss', None)!r}"
        )
    masks, whole = data.fold_masks(k, repeats), data.without_validation()
    histories, outputs, seconds = [], [], 0.0
    for number, fold in enumerate(data.folds(k, repeats)):
        files = RunDirectory(directory / "folds" / str(number)) if directory else None
        fitter.say(f"Fold {number + 1} of {len(masks)}.")
        history, values, time = _fold(fitter, fold, files, {**config, "data": fold.to_dict()})
        histories.append(history)
        outputs.append(values)
        seconds += time
    rows = whole.raw_splits["train"]
    y = np.asarray(rows.targets)
    losses = np.empty((repeats, len(outputs[0]), len(y)))
    for number, (mask, values) in enumerate(zip(masks, outputs, strict=True)):
        losses[number // k][:, mask] = [loss(y[mask], epoch) for epoch in values]
    mean = losses.mean(axis=0)
    weights = np.ones(len(y)) if rows.weights is None else rows.weights.astype("float64")
    if whole.class_weights is not None:
        weights = np.asarray(whole.class_weights)[y]
    best = choose_epoch(mean, weights)
    scores = {}
    if not engine.is_compiled(fitter.model):
        last = [values[best - 1] for values in outputs]
        scores = scores_and_errors(data.task, y, masks.reshape(repeats, k, -1), last)
    return CrossValidation(f"{k}x{repeats}", tuple(histories), mean, weights, scores, best, seconds)


def choose_epoch(losses: np.ndarray, weights: np.ndarray) -> int:
    """Return the number of epochs to train for, by the losses of each sample after each epoch.

    All epochs, unless the best one is better by more than one standard error of the mean difference
    of the losses of a sample. The minimum of a noisy curve alone is nearly always before its end.

    Args:
        losses: `(epochs, samples)`.
        weights: The weight of each sample `(samples,)`.

    Example: a difference of 0.1 counts if all samples agree, but not if they do not.

    >>> weights = np.ones(4)
    >>> choose_epoch(np.array([[0.9, 0.8, 0.9, 0.8], [1.0, 0.9, 1.0, 0.9]]), weights)
    1
    >>> choose_epoch(np.array([[0.9, 0.8, 0.9, 0.8], [0.4, 1.6, 0.4, 1.4]]), weights)
    2
    """
    best = int(np.argmin(losses @ weights))
    rise, error = mean_and_error(losses[-1] - losses[best], weights)
    return best + 1 if rise > error else len(losses)


def _fold(
    fitter: Fitter, fold: Data, files: RunDirectory | None, config: dict[str, Any]
) -> tuple[dict[str, list[Any]], np.ndarray, float]:
    """Return the history of a fold, its outputs `(epochs, rows, units)`, and its seconds."""
    if files:
        files.open(config, resume=True)
        if files.finished:
            seconds = files.read_json(files.result)["seconds"]
            return files.read_history(), np.load(files.outputs)["outputs"], seconds
    record = _Outputs(fitter.model, fold)
    fit = fitter.fit(fold, files=files, callbacks=[record])
    epochs = len(fit.history["loss"])
    figures = fitter.figures(fold, epochs, ("train", "validation"))
    outputs = np.stack(record.outputs)
    if files:
        temporary = files.outputs.with_suffix(".tmp.npz")
        np.savez(temporary, outputs=outputs)
        temporary.replace(files.outputs)
        length = {"epochs": epochs, "best_epoch": epochs, "stopped_early": False}
        result = {**figures, **length, "verdict": None, "seconds": round(fit.seconds, 3)}
        files.close(fitter.model, fit.history, result, keep_state=True)  # it may be extended
    return fit.history, outputs, fit.seconds


class _Outputs(keras.callbacks.Callback):
    """Keep the outputs of a model for the validation part after each epoch.

    Attributes:
        outputs: A list of arrays `(rows, units)`.
    """

    def __init__(self, inner: keras.Model, data: Data):
        super().__init__()
        self.outputs: list[np.ndarray] = []
        self._inner = inner
        self._batches = list(data.validation.as_numpy_iterator())

    def on_epoch_end(self, epoch, logs=None):
        _ = self.model  # on JAX, this updates the variables of the model
        self.outputs.append(engine.rows_of(self._inner, self._batches)[1])

    def get_state(self) -> dict[str, Any]:
        return {"outputs": self.outputs}

    def set_state(self, state: dict[str, Any]) -> None:
        self.outputs = list(state["outputs"])


def scores_and_errors(
    task: Task, y: np.ndarray, masks: np.ndarray, outputs: list[np.ndarray]
) -> dict[str, tuple[float, float]]:
    """Return each score of the task with its standard error; see `CrossValidation`.

    Args:
        masks: The rows of each fold, `(repeats, folds, rows)`.
        outputs: The outputs for the rows of each fold.
    """
    joined = np.empty((len(masks), len(y), *outputs[0].shape[1:]))
    for number, values in enumerate(outputs):
        repeat, fold = divmod(number, masks.shape[1])
        joined[repeat, masks[repeat, fold]] = values

    def scores(rows: Any) -> dict[str, float]:
        found = [task.scores(y[rows], each[rows]) for each in joined]
        return {name: float(np.mean([each[name] for each in found])) for name in found[0]}

    groups = min(len(y), _GROUPS)
    number = np.arange(len(y)) % groups
    left = [scores(number != group) for group in range(groups)]
    return {
        name: (score, float(np.sqrt((groups - 1) * np.var([each[name] for each in left]))))
        for name, score in scores(slice(None)).items()
    }
