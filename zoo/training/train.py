"""`train`: compile and fit with the right callbacks, and record the result."""

import math
import os
import sys
from collections.abc import Sequence
from typing import Any, Literal

import keras
import tensorflow as tf
from tqdm import tqdm
from tqdm.keras import TqdmCallback

from ...callbacks import (
    BackupAndRestore,
    BatchNormReestimation,
    EarlyStopping,
    LossLedger,
    Stopwatch,
    TensorBoard,
    diagnose,
)
from ...callbacks.diagnosis.baseline_loss import fits_raw_targets
from ...core.checks import check_bool, check_integer, check_number, check_path, check_type, message
from ..data import Data, load_data
from ..regularization import Regularization
from ..tasks import DataError
from . import engine
from .budget import Budget
from .configuration import (
    check_callbacks,
    check_compiled,
    check_model,
    configuration,
    regularization_of,
)
from .run import Run, RunDirectory
from .train_transform import check_train_transform

LEARNING_RATE = 5e-3


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
    verbose: int = 1,
) -> Run:
    """Train a model and evaluate it, in inference mode, on all parts of the data.

    A model that is not compiled gets the loss of the task, and AdamW with warm-up and cosine decay
    to 0. A compiled model keeps its own optimizer, loss, loss weights and metrics. Early stopping
    monitors the validation data loss and restores the best weights. The test part is read once, at
    the end. If a training is killed, the same call resumes after the last finished epoch and ends
    with the same result.

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
            `augmentation`, `mixup`, `cutmix` and `label_smoothing`.
        epochs: The maximum number of epochs, each a pass over the training part. The cosine ends
            there.
        steps: The same as a number of batches, in epochs of at least 30: an epoch has several
            passes if the training part is small. By default, the number of batches in 100 passes,
            but at least 3,000.
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
        verbose: 0 is silent, 1 shows a progress bar.

    Returns:
        A `Run`. The model has the weights that were kept.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, the model was built with another regularization
            or does not fit the data, a compiled model would need another optimizer, or `log_dir`
            holds a run with other arguments.
        FloatingPointError: If the training diverged and no epoch has finite weights to restore.

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
    check_integer("seed", seed, minimum=0)
    check_number("learning_rate", learning_rate, "(0, inf)", optional=True)
    check_number("train_eval", train_eval, "[0, 1]")
    compiled = engine.is_compiled(model)
    check_callbacks(callbacks, compiled=compiled)
    data = _as_data(data, validation_data, compiled=compiled, seed=seed)
    budget = Budget.of(data, epochs=epochs, steps=steps, patience=patience)
    regularization = regularization_of(model, regularization, data)
    if compiled:
        check_compiled(model, data, regularization, learning_rate)
        if not model.built:
            model(next(iter(data.validation))[0], training=False)
    else:
        check_model(model, data)
        learning_rate = learning_rate or LEARNING_RATE
    check_train_transform(data, regularization)
    training = {
        **budget.to_dict(),
        "learning_rate": learning_rate and float(learning_rate),
        "train_eval": train_eval,
        "seed": seed,
    }
    config = configuration(model, data, regularization, training)
    files = RunDirectory(log_dir) if log_dir is not None else None
    if files:
        files.open(config, resume=resume)
    trainee = model
    if learning_rate is not None:
        trainee = engine.compile_model(
            model,
            data,
            regularization,
            epochs=budget.epochs,
            passes=budget.passes,
            learning_rate=learning_rate,
        )
    if files and files.finished:
        run = Run.load(files.path)
        model.set_weights(run.load_model().get_weights())
        return run

    stopwatch = Stopwatch()
    stopping = EarlyStopping(patience=budget.patience, verbose=0) if budget.patience else None
    ledger = LossLedger(engine.train_eval_batches(data, train_eval) if train_eval else None)
    statistics = BatchNormReestimation(engine.first_batches(data))
    ours = [statistics, ledger, *(callbacks or ()), stopwatch, *([stopping] if stopping else [])]
    if verbose:
        tqdm.write(f"Training for {budget}.", file=sys.stderr)
        ours.append(TqdmCallback(epochs=budget.epochs, verbose=0))
    history = _fit(trainee, data, regularization, ours, files, budget, seed=seed)
    ran = len(history["loss"])
    figures = engine.figures(model, data)
    if not math.isfinite(figures["train"]["data_loss"]):
        raise FloatingPointError(
            f"The training diverged: after {ran} epochs the data loss of the training part is "
            f"{figures['train']['data_loss']}. Try a learning rate below "
            f"{f'{learning_rate:g}' if learning_rate else 'that of the optimizer'}."
        )
    best_epoch = stopping.best_epoch + 1 if stopping else ran
    verdict = None
    if (baseline := engine.baseline_loss(model, data)) is not None:
        curves = {name: values[:best_epoch] for name, values in history.items()}
        verdict = diagnose(curves, baseline=baseline, regression=fits_raw_targets(model))
    result = {
        **figures,
        "epochs": ran,
        "best_epoch": best_epoch,
        "stopped_early": ran < budget.epochs,
        "verdict": verdict and verdict.to_dict(),
        "seconds": round(stopwatch.seconds, 3),
    }
    if files:
        files.close(model, history, result)
    return Run(config, history, result, files.path if files else None)


def _as_data(data: Any, validation_data: Any, *, compiled: bool, seed: int) -> Data:
    """Return `data`, or the `Data` of what `fit` takes."""
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
    task = "given" if compiled else None
    options = {"validation": validation_data, "test": False, "standardize": False}
    try:
        return load_data(data, task=task, seed=seed, **options)
    except DataError as error:
        raise DataError(
            "zoo.load_data cannot read `data` (its `source`) and `validation_data` (its "
            f"`validation`); call it with other options, and pass the result. {error}"
        ) from error


def _fit(
    model: keras.Model,
    data: Data,
    regularization: Regularization,
    callbacks: list[keras.callbacks.Callback],
    files: RunDirectory | None,
    budget: Budget,
    *,
    seed: int,
) -> dict[str, Any]:
    """Fit, from the saved state in the directory if there is one, and log into the directory."""
    first_epoch = 0
    if files:
        pictures = {}
        if not (engine.is_compiled(model) or isinstance(data.input_shape, dict)):
            pictures = {"validation": data.validation, "class_names": data.task.names}
            pictures |= {"task": data.task.kind, "pictures_freq": None}
        backup = BackupAndRestore(files.path, delete_checkpoint=False, callbacks=callbacks)
        if backup.epoch:
            files.write_history(backup.history)
        first_epoch = budget.epochs if backup.stopped else backup.epoch
        card = {"Regularization": regularization}
        callbacks = [
            *callbacks,
            keras.callbacks.CSVLogger(files.history, append=backup.epoch > 0),
            TensorBoard(files.tensorboard, write_graph=False, card=card, **pictures),
            backup,
        ]
    return engine.fit(
        model,
        data,
        regularization,
        epochs=budget.epochs,
        passes=budget.passes,
        seed=seed,
        first_epoch=first_epoch,
        callbacks=callbacks,
    )
