"""`train`: validate a training, rerun and refit it where that helps, and record the result."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import tensorflow as tf

from ...callbacks import Verdict
from ...callbacks.backup_and_restore import STATE
from ...core.checks import check_bool, check_path, check_type, message
from ...core.text_table import counted
from ..data import Data, load_data
from ..data.folds import parse_folds
from ..regularization import Regularization
from ..tasks import DataError
from . import engine
from .budget import MIN_VALIDATION
from .cross_validation import run_folds
from .fit import Fitter
from .prepare import check_training, prepare
from .race import choose_regularization, race_directory
from .run import Run, RunDirectory

_RERUN_RATE = 3  # the divisor of the learning rate of a training that diverged


def train(
    model: keras.Model,
    data: Any,
    *,
    validation_data: Any = None,
    regularization: Regularization | str | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    patience: int | Literal["auto"] | None = "auto",
    train_eval: float = 0.2,
    log_dir: str | os.PathLike[str] | None = None,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] | None = None,
    resume: bool = True,
    refit: bool | Literal["auto"] = "auto",
    rerun: bool = True,
    verbose: int = 1,
) -> Run:
    """Train a model and evaluate it, in inference mode, on all parts of the data.

    A model that is not compiled gets the loss of the task, and AdamW with warm-up and cosine decay
    to 0. A compiled model keeps its own optimizer, loss, loss weights and metrics. Early stopping
    monitors the validation data loss and restores the best weights. The test part is read once, at
    the end. If a training is killed, the same call resumes after the last finished epoch and ends
    with the same result.

    With data of `load_data(validation="cv:5x2")`, the training is validated by cross-validation
    (`cross_validate`) in place of a part, which also chooses the number of epochs; then the model
    is refitted to all rows but the test part.

    Args:
        model: A Keras model. If it is not compiled, it maps `(batch, *data.input_shape)` to the
            outputs of the task: logits `(batch, classes)` or values `(batch, targets)`. To resume
            in another process, pass a seed to `create_model`.
        data: The data, from `zoo.load_data`; or what `fit` takes, such as `(x, y)`, which is then
            neither standardized nor held out for a test.
        validation_data: The validation part in the same form, if `data` is not from
            `zoo.load_data`; by default, a tenth of `data` is held out.
        regularization: Defaults to the regularization of the model. For a model that `create_model`
            did not build, only the fields of training are allowed: `weight_decay`, `sam_rho`,
            `augmentation`, `mixup`, `cutmix` and `label_smoothing`. "auto" chooses these fields by
            `choose_regularization`, which keeps its trainings in `LOG_DIR-race` and takes twice as
            long again; `create_model(regularization="auto")` chooses the layers as well.
        epochs: The maximum number of epochs, each a pass over the training part. The cosine ends
            there.
        steps: The same as a number of batches, in epochs of at least 30: an epoch has several
            passes if the training part is small, and the last epoch is whole. By default, the
            number of batches in 100 passes, but at least 1,000.
        learning_rate: The peak of the learning rate, 0.005 by default. `None` for a compiled model.
        patience: The number of epochs without a smaller validation data loss before stopping.
            `None` never stops early and keeps the last weights. "auto" is 30, or `None` if the
            validation part has fewer than 40 samples: they cannot tell one epoch from the next.
        train_eval: The fraction of the training part to evaluate in inference mode after each
            epoch, for the gap to the validation data (`train_eval_loss`, `gap_loss`, ...) and the
            verdict. 0 saves this time.
        log_dir: The directory of the run (see `Run`). `None` writes nothing.
        seed: The seed of the order of samples and of their augmentation.
        callbacks: More Keras callbacks; they see the figures of a `LossLedger`. Batch hooks are
            called once an epoch if the data fits in memory. None may set the learning rate, unless
            the model is compiled.
        resume: Whether to resume the run in `log_dir` or to delete it. A finished run is returned.
        refit: Whether to train once more after the validation, from the initial weights and for the
            same number of steps, on the training *and* the validation part. The model and the
            figures of `train` and `test` are those of the refit; the history, the verdict and the
            figures of `validation` are those of the first training, as no row is left to judge the
            second. "auto" does it if fewer than 40 samples were held out of the training part: they
            are too few to choose by, and missed in training. It does not if the model is compiled,
            or with `callbacks`, which would see a training without validation.
        rerun: Whether to begin again from the initial weights with a third of the learning rate, if
            the training diverged, at its end or after its best epoch; and whether to go on to twice
            the epochs, with the schedule once more from its beginning, if its verdict is
            "unfinished" and neither `epochs` nor `steps` is given. Each is done once, and not with
            a compiled model. Without `log_dir`, no state is saved to go on from, and the first
            epochs are trained once more.
        verbose: 0 is silent, 1 shows a progress bar.

    Returns:
        A `Run`. The model has the weights that were kept.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, the model was built with another regularization
            or does not fit the data, a compiled model would need another optimizer, or `log_dir`
            holds a run with other arguments.
        FloatingPointError: If the training diverged, also with the smaller learning rate, and no
            epoch has finite weights to restore.

    Example:

    >>> from occam import zoo
    >>> data = zoo.load_data("digits")
    >>> model = zoo.create_model(
    ...     "mlp", input_shape=(8, 8, 1), num_classes=10, regularization="light", seed=0
    ... )
    >>> run = zoo.train(model, data, epochs=3, verbose=0)
    >>> run.result["epochs"]
    3
    """
    check_type("model", model, keras.Model, "a keras.Model")
    check_path("log_dir", log_dir, optional=True)
    check_bool("resume", resume)
    check_bool("rerun", rerun)
    compiled = engine.is_compiled(model)
    data = as_data(data, validation_data, compiled=compiled, seed=seed)
    if not (data.cv or "validation" in data.raw_splits):
        raise ValueError(
            "`data` must have a validation part, or folds as of load_data(validation='cv:5x2'). "
            "Pass refit=True to train on the rows of the validation part, too."
        )
    refit = _refits(refit, data, compiled=compiled, callbacks=callbacks)
    length: Any = {"epochs": epochs, "steps": steps, "learning_rate": learning_rate, "seed": seed}
    if isinstance(regularization, str) and regularization == "auto":
        check_training(data, **length, patience=patience, train_eval=train_eval)  # races take long
        race = choose_regularization(
            model,
            data,
            **length,
            directory=log_dir and race_directory(log_dir),
            resume=resume,
            verbose=verbose,
        )
        regularization = race.regularization
    rows = data.without_validation() if refit else data  # of the model that is kept
    fitter, config = prepare(
        model,
        data,
        regularization=regularization,
        **length,
        patience=patience,
        train_eval=train_eval,
        callbacks=callbacks,
        verbose=verbose,
    )
    config["training"] |= {"validation_by": data.cv or "part", "refit": refit, "rerun": rerun}
    files = RunDirectory(log_dir) if log_dir is not None else None
    if files:
        files.open(config, resume=resume)
        if files.finished:
            run = Run.load(files.path)
            model.set_weights(run.load_model().get_weights())
            return run

    fitter.say(f"Training for {fitter.budget}.")
    reasons = ["diverged"] if rerun and not compiled else []
    if reasons and epochs is None and steps is None:
        reasons.append("unfinished")
    found, reruns = _train_with_reruns(fitter, data, config, files, reasons)
    figures, seconds = found.figures, found.seconds
    if refit:
        fitter.say(
            f"Refitting to all {rows.sizes['train']} rows for {counted(found.best_epoch, 'epoch')}."
        )
        directory = RunDirectory(files.path / "refit") if files else None
        fit = fitter.fit(rows, epochs=found.best_epoch, files=directory)
        figures |= fitter.figures(rows, found.best_epoch, ("train", "test"))
        seconds += fit.seconds
    else:
        figures |= engine.figures(model, data, ("test",))
    result = {
        **{name: figures[name] for name in (*engine.PARTS, "weight_penalty") if name in figures},
        "gap": engine.gap(figures, data.task),
        "epochs": found.epochs,
        "best_epoch": found.best_epoch,
        "stopped_early": found.epochs < fitter.budget.epochs,
        "verdict": found.verdict and found.verdict.to_dict(),
        "validation_by": data.cv or "part",
        "refit": refit,
        "reruns": reruns,
        "seconds": round(seconds, 3),
    }
    if files:
        files.close(model, found.history, result)
    return Run(config, found.history, result, files.path if files else None)


@dataclass(frozen=True)
class _Validated:
    """A training with a validation, or the mean of the trainings of all folds.

    Args:
        trouble: "diverged", "unfinished" or `None`: what a rerun may help against.
    """

    history: dict[str, list[Any]]
    figures: dict[str, Any]
    epochs: int
    best_epoch: int
    verdict: Verdict | None
    trouble: str | None
    seconds: float


def _train_with_reruns(
    fitter: Fitter,
    data: Data,
    config: dict[str, Any],
    files: RunDirectory | None,
    reasons: list[str],
) -> tuple[_Validated, list[dict[str, Any]]]:
    """Train and validate, and once more for each of `reasons` that occurs; return also these."""
    reruns: list[dict[str, Any]] = []
    directory = files and files.path
    while True:
        try:
            found = _validated(fitter, data, config, directory)
            reason = found.trouble
            if reason not in reasons:
                return found, reruns
        except FloatingPointError:
            reason = "diverged"
            if reason not in reasons:
                raise
        reasons = [other for other in reasons if other != reason]
        budget, rate, cycles = fitter.budget, fitter.learning_rate or 0.0, fitter.cycles
        if reason == "diverged":
            rate /= _RERUN_RATE
            fitter.say(f"The training diverged. Again, with a learning rate of {rate:g}.")
        else:
            budget, cycles = budget.longer(2), 2
            fitter.say(f"The training is unfinished. Going on to {budget.epochs} epochs.")
        fitter.compile(budget, rate, cycles=cycles)
        reruns.append({"reason": reason, "learning_rate": rate, "epochs": budget.epochs})
        if files:
            before, directory = directory, files.path / f"rerun-{len(reruns)}"
            if before and reason == "unfinished":
                _carry_over(before, directory)


def _carry_over(before: Path, directory: Path) -> None:
    """Copy the saved states of a training and its folds, from which a longer one goes on."""
    if directory.exists():
        return
    temporary = directory.with_name(f"{directory.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    folds = (f"folds/*/{name}" for name in (STATE, "config.json"))
    for path in [before / STATE, *(path for pattern in folds for path in before.glob(pattern))]:
        if path.exists():
            copy = temporary / path.relative_to(before)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    temporary.rename(directory)


def _validated(
    fitter: Fitter, data: Data, config: dict[str, Any], directory: Path | None
) -> _Validated:
    """Train and validate by the validation part, or by folds."""
    if data.cv:
        found = run_folds(fitter, data, *parse_folds(data.cv), directory, config)
        fitter.say(f"{found}.")
        best, history = found.best_epoch, found.history
        figures = {"validation": found.figures}
        epochs, seconds = len(found.losses), found.seconds
    else:
        fit = fitter.fit(data, files=RunDirectory(directory) if directory else None)
        best, history = fit.best_epoch, fit.history
        epochs, seconds = len(history["loss"]), fit.seconds
        figures = fitter.figures(data, epochs, ("train", "validation"))
    verdict, end = fitter.verdict(history, best), fitter.verdict(history, epochs)
    trouble = None
    if end and end.kind == "diverged":  # also after the best epoch
        trouble = "diverged"
    elif verdict and verdict.rule == "unfinished" and epochs == fitter.budget.epochs:
        trouble = "unfinished"
    return _Validated(history, figures, epochs, best, verdict, trouble, seconds)


def _refits(refit: Any, data: Data, *, compiled: bool, callbacks: Any) -> bool:
    """Return whether to refit the model to all rows."""
    if refit == "auto":
        if data.cv:
            return True
        few = data.sizes["validation"] < MIN_VALIDATION and not data.has_own_validation
        return few and data.divisible and not compiled and not callbacks
    check_type("refit", refit, bool, "True, False or 'auto'")
    if data.cv and not refit:
        expected = "True or 'auto' for data with folds, whose models are not kept"
        raise ValueError(message("refit", refit, expected))
    if refit and not data.divisible:
        raise ValueError(message("refit", refit, "'auto' or False for data that is not in memory"))
    return refit


def as_data(data: Any, validation_data: Any, *, compiled: bool, seed: int) -> Data:
    """Return `data`, or the `Data` of what `fit` takes.

    Raises:
        TypeError: If `data` is neither.
        ValueError: If there is validation data twice, or the data cannot be read.
    """
    if isinstance(data, Data):
        if validation_data is not None:
            raise ValueError(
                "`validation_data` must be None if `data` is an occam.zoo.Data, which has a "
                "validation part."
            )
        return data
    if isinstance(data, str) or not (
        isinstance(data, tuple | list | tf.data.Dataset | keras.utils.PyDataset)
    ):
        expected = f"{Data.EXPECTED}, or what `fit` takes: (x, y) or a dataset of batches"
        raise TypeError(message("data", data, expected))
    if validation_data is None and isinstance(data, tf.data.Dataset | keras.utils.PyDataset):
        expected = "given if `data` is a dataset of batches, of which no part is held out"
        raise ValueError(f"{message('validation_data', None, expected)} and data={data!r}")
    task = "given" if compiled else None
    options = {"validation": validation_data, "test": False, "standardize": False}
    try:
        return load_data(data, task=task, seed=seed, **options)
    except DataError as error:
        raise DataError(
            "zoo.load_data cannot read `data` (its `source`) and `validation_data` (its "
            f"`validation`); call it with other options, and pass the result. {error}"
        ) from error
