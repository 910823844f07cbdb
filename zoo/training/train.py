"""`train`: compile and fit with the right callbacks, and write down what came of it."""

import math
import os
from collections.abc import Sequence
from types import NoneType
from typing import Any

import keras
from tqdm.keras import TqdmCallback

from ...callbacks import BackupAndRestore, EarlyStopping, LossLedger, Stopwatch, TensorBoard
from ...core.checks import check_path, check_type
from ..data import Data
from ..regularization import Regularization
from . import engine
from .configuration import check_arguments, configuration, regularization_of
from .run import Run
from .run_directory import RunDirectory
from .samples import check_samples
from .verdict import verdict

__all__ = ["train"]


def train(
    model: keras.Model,
    data: Data,
    *,
    regularization: Regularization | str | None = None,
    epochs: int = 100,
    learning_rate: float = 5e-3,
    patience: int | None = 30,
    train_eval: float = 0.2,
    log_dir: str | os.PathLike[str] | None = None,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] | None = None,
    resume: bool = True,
    verbose: int = 1,
) -> Run:
    """Trains a classifier and evaluates it, in inference mode, on all three parts of the data.

    AdamW with warm-up and a cosine to 0; early stopping on the validation data loss, with the best
    weights restored; the test part is read once, at the end. Killed at any moment and called again
    with the same arguments, it goes on after the last finished epoch and ends with the same result.

    Args:
        model: a Keras model from `(batch, *data.input_shape)` to logits `(batch, num_classes)`. To
            be resumed by another process it has to be the same model: give `create_model` a seed.
        data: from `zoo.load_data`.
        regularization: what the model was created with is the default. For a model that
            `create_model` did not build, only what training honours can be given: `weight_decay`,
            `sam_rho`, `augmentation`, `mixup`, `cutmix` and `label_smoothing`.
        epochs: the greatest number of passes over the training part; the cosine ends there.
        learning_rate: its peak.
        patience: epochs without a smaller validation data loss before it stops; `None` never
            stops early and keeps the last weights.
        train_eval: Fraction of the training part to evaluate in inference mode after each epoch,
            for the gap between training and validation (`train_eval_loss`, `gap_loss`, ...) and
            the verdict; 0 for none, which saves time.
        log_dir: directory of the run (see `Run`), made if it is missing; `None` writes nothing.
        seed: of the order of the samples, and of what is done to them.
        callbacks: more Keras callbacks, called after a `LossLedger`, whose figures they see, and
            before our others. Batch hooks are called once an epoch when the data fits in memory.
            Those that set the learning rate are refused: it follows the cosine.
        resume: go on with the run in `log_dir`, or return it if it is finished. With `False` a
            run that is there is deleted.
        verbose: 0 is silent, 1 shows a progress bar.

    Returns:
        A `Run`; the model holds the weights that were kept.

    Raises:
        TypeError: an argument is of the wrong type.
        FloatingPointError: the training diverged, and no epoch has finite weights to go back to.
        ValueError: an argument out of range, a `regularization` that the model was not built with,
            a model whose input or output does not fit the data, or a `log_dir` with a run made
            with other arguments (the message names them).

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
    check_type("data", data, Data, Data.EXPECTED)
    check_path("log_dir", log_dir, optional=True)
    check_type("resume", resume, bool, "True or False")
    _check_callbacks(callbacks)
    regularization = regularization_of(model, regularization)
    training = {"epochs": epochs, "learning_rate": learning_rate, "patience": patience}
    check_arguments(
        model, data, **training, train_eval=train_eval, seed=seed, callbacks=callbacks or ()
    )
    check_samples(data, regularization)
    training = {
        **training,
        "learning_rate": float(learning_rate),
        "train_eval": train_eval,
        "seed": seed,
    }
    config = configuration(model, data, regularization, training)
    files = RunDirectory(log_dir) if log_dir is not None else None
    if files:
        files.open(config, resume=resume)
    trainee = engine.compile_model(
        model, data, regularization, epochs=epochs, learning_rate=learning_rate
    )
    if files and files.finished:
        return _reload(files, model)

    stopwatch = Stopwatch()
    stopping = EarlyStopping(patience=patience, verbose=0) if patience else None
    ledger = LossLedger(engine.train_eval_batches(data, train_eval) if train_eval else None)
    ours = [ledger, *(callbacks or ()), stopwatch, *([stopping] if stopping else [])]
    bar = [TqdmCallback(epochs=epochs, verbose=0)] if verbose else []
    history = _fit(trainee, data, regularization, [*ours, *bar], files, epochs=epochs, seed=seed)
    ran = len(history["loss"])
    figures = engine.figures(model, data)
    if not math.isfinite(figures["train"]["data_loss"]):
        raise FloatingPointError(
            f"The training diverged: after {ran} epochs the data loss of the training part is "
            f"{figures['train']['data_loss']}. Try a learning_rate below {learning_rate:g}."
        )
    kept = stopping.best_epoch + 1 if stopping else ran
    result = {
        **figures,
        "epochs": ran,
        "best_epoch": kept,
        "stopped_early": ran < epochs,
        "verdict": verdict(history, data, epochs=kept).to_dict(),
        "seconds": round(stopwatch.seconds, 3),
    }
    if files:
        files.close(model, history, result)
    return Run(config, history, result, files.path if files else None)


def _check_callbacks(callbacks: Any) -> None:
    expected = "a list of keras.callbacks.Callback, or None"
    check_type("callbacks", callbacks, (Sequence, NoneType), expected)
    for callback in callbacks or ():
        check_type("callbacks", callback, keras.callbacks.Callback, expected)


def _reload(files: RunDirectory, model: keras.Model) -> Run:
    """The finished run in `files`, its weights put into `model`."""
    run = Run.load(files.path)
    model.set_weights(run.load_model().get_weights())
    return run


def _fit(
    model: keras.Model,
    data: Data,
    regularization: Regularization,
    callbacks: list[keras.callbacks.Callback],
    files: RunDirectory | None,
    *,
    epochs: int,
    seed: int,
) -> dict[str, Any]:
    """Fits from where the directory's state stands, and logs into it."""
    if files is None:
        return engine.fit(
            model, data, regularization, epochs=epochs, seed=seed, callbacks=callbacks
        )
    backup = BackupAndRestore(files.path, delete_checkpoint=False, callbacks=callbacks)
    if backup.epoch:
        files.write_history(backup.history)
    logs = [
        keras.callbacks.CSVLogger(files.history, append=backup.epoch > 0),
        TensorBoard(files.tensorboard, write_graph=False, card={"Regularization": regularization}),
    ]
    first_epoch = epochs if backup.stopped else backup.epoch
    callbacks = [*callbacks, *logs, backup]
    return engine.fit(
        model,
        data,
        regularization,
        epochs=epochs,
        seed=seed,
        first_epoch=first_epoch,
        callbacks=callbacks,
    )
