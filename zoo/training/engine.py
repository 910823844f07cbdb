"""Compile, fit and evaluate: the part that `zoo.train` and the tuner share."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...callbacks import weight_penalty
from ...callbacks.diagnosis.baseline_loss import compiled_baseline_loss
from ...callbacks.ledger import evaluate
from ...core.statistics import mean_and_error
from ..augmentation import augment
from ..data import Data
from ..data.source import data_errors
from ..metrics import DataLoss
from ..optimizers import AdamW, adamw
from ..regularization import Regularization
from ..tasks import Given, Task
from .sharpness_aware import SharpnessAware
from .train_transform import train_transform

PARTS = ("train", "validation", "test")
_STREAMED_STEPS = 16  # steps in one call if the data does not fit in memory


def compile_model(
    model: keras.Model,
    data: Data,
    regularization: Regularization,
    *,
    epochs: int,
    learning_rate: float,
    epoch_steps: int | None = None,
    restarts: bool = False,
) -> keras.Model:
    """Compile `model` with the optimizer part of `regularization`, and return the model to fit.

    `loss` is that of the task plus the penalties, `data_loss` that of the task alone. If the data
    is in memory, an epoch runs in one call (`steps_per_execution`), which is faster for small
    models. With `sam_rho`, the model to fit is a `SharpnessAware` of `model`, otherwise `model`.
    An epoch has `epoch_steps` steps, by default those of one pass over the training part. The
    learning rate is 0 after `epochs`, or with `restarts`, its schedule begins again.
    """
    steps = epoch_steps or data.steps_per_epoch
    optimizer = adamw(
        learning_rate,
        steps * epochs,
        weight_decay=regularization.weight_decay,
        restarts=restarts,
    )
    # On a CPU, XLA takes seconds to compile for TensorFlow and makes no step faster.
    on_cpu = keras.backend.backend() == "tensorflow" and not tf.config.list_physical_devices("GPU")
    trainee = SharpnessAware(model, regularization.sam_rho) if regularization.sam_rho else model
    for each in {id(model): model, id(trainee): trainee}.values():
        each.compile(
            optimizer=optimizer,
            loss=data.task.loss(),
            metrics=data.task.metrics(),
            weighted_metrics=[DataLoss(data.task.loss())],
            steps_per_execution=steps if data.in_memory else min(steps, _STREAMED_STEPS),
            jit_compile=False if on_cpu else "auto",
        )
    return trainee


def is_compiled(model: keras.Model) -> bool:
    """Return whether a user has compiled the model; `compile_model` may do it again."""
    if not model.compiled:
        return False
    compiled: Any = model._compile_metrics  # of Keras 3.15; its `metrics` is empty before a step
    metrics = keras.tree.flatten(compiled and compiled._user_weighted_metrics)
    ours = any(isinstance(metric, DataLoss) for metric in metrics)
    return not (ours and isinstance(model.optimizer, AdamW))


def fit(
    model: keras.Model,
    data: Data,
    regularization: Regularization,
    *,
    epochs: int,
    seed: int,
    epoch_steps: int | None = None,
    first_epoch: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train the model that `compile_model` returned, and return its history.

    Args:
        model: The compiled model.
        data: The data; its training and, if any, validation part are used.
        regularization: The augmentation, mixing and smoothing of the training batches.
        epochs: The epoch before which to stop.
        seed: The seed of the order and augmentation, which depend on it and the pass only.
        epoch_steps: The number of steps in an epoch, as in `compile_model`.
        first_epoch: The epoch to begin with.
        callbacks: Keras callbacks. Batch hooks are called once for all steps of an execution.
    """
    epoch_steps = epoch_steps or data.steps_per_epoch
    with data_errors():
        history = model.fit(
            training_batches(data, regularization, seed=seed, first_step=epoch_steps * first_epoch),
            steps_per_epoch=epoch_steps,
            initial_epoch=first_epoch,
            epochs=epochs,
            validation_data=data.validation if "validation" in data.raw_splits else None,
            callbacks=list(callbacks),
            shuffle=False,  # `data.epochs` shuffles
            verbose=0,
        )
    return history.history


def training_batches(
    data: Data, regularization: Regularization, *, seed: int, first_step: int = 0
) -> tf.data.Dataset:
    """Return shuffled training batches without end, augmented, mixed and smoothed.

    They begin with the batch of step `first_step` of a whole training.
    """
    transform = train_transform(data, regularization)
    passes, skipped = divmod(first_step, data.steps_per_epoch)
    batches = data.epochs(passes, seed=seed, class_weights=not transform.layers)
    if skipped:
        batches = batches.skip(skipped)
    if not transform.layers:
        return batches
    batches = augment(batches, transform, seed=seed, start=first_step)
    return data.weighted(batches).prefetch(tf.data.AUTOTUNE)


def train_eval_batches(data: Data, fraction: float) -> tf.data.Dataset:
    """Return a fixed fraction of the training part, without augmentation."""
    batches = math.ceil(fraction * data.steps_per_epoch)
    return data.epochs(seed=0).take(batches).cache()


def first_batches(data: Data) -> tf.data.Dataset:
    """Return a few batches of the training part, for the statistics of BatchNorm."""
    batches = 16 if data.in_memory else 4  # images from disk are large, and the cache keeps them
    return data.epochs(seed=0).take(min(batches, data.steps_per_epoch)).cache()


def baseline_loss(model: keras.Model, data: Data) -> float | None:
    """Return the data loss of the best constant prediction, or `None` if it is unknown."""
    train = data.raw_splits["train"]
    weights = train.weights
    if data.class_weights is not None:
        weights = np.asarray(data.class_weights)[train.targets]
    if not is_compiled(model):
        return data.task.baseline_loss(train.targets, weights)
    return compiled_baseline_loss(model, train.targets, weights)


def figures(model: keras.Model, data: Data, parts: Sequence[str] = PARTS) -> dict[str, Any]:
    """Evaluate a compiled model on parts of the data, in inference mode; see `Run.result`."""
    found = {}
    for name in (part for part in parts if part in data.raw_splits):
        found[name] = _evaluate(model, data, name)
    return {**found, "weight_penalty": float(weight_penalty(model))}


def gap(figures: dict[str, Any], task: Task) -> dict[str, float]:
    """Return by how much the figures of the test part, or else the validation, are worse."""
    train, unseen = figures["train"], figures["test" if "test" in figures else "validation"]
    gaps = {"data_loss": unseen["data_loss"] - train["data_loss"]}
    return gaps | {n: train[n] - unseen[n] for n in task.scores_up if n in unseen}


def batches_of(data: Data, part: str) -> tf.data.Dataset:
    """Return one pass over a part of the data, without augmentation."""
    if part == "train":
        return data.epochs(seed=0).take(data.steps_per_epoch)
    return getattr(data, part)


def _evaluate(model: keras.Model, data: Data, part: str) -> dict[str, float]:
    """Return the loss, its data loss, the metrics of the model and the scores of the task.

    The data loss of the validation part has its standard error, if the loss is known by sample.
    """
    dataset, task = batches_of(data, part), data.task
    with data_errors():
        values = evaluate(model, dataset)
        values = {name: value for name, value in values.items() if name != "penalty"}
        loss = sample_loss(model, task) if part == "validation" else None
        ours = not isinstance(task, Given) and not is_compiled(model)
        if ours or loss:
            y, outputs, weights = rows_of(model, dataset)
            if ours:
                values |= task.scores(y, outputs)
            if loss and len(y) > 1:
                mean, error = mean_and_error(loss(y, outputs), weights)
                if math.isclose(mean, values["data_loss"], rel_tol=1e-3, abs_tol=1e-6):
                    values["data_loss_error"] = error
    return {name: float(value) for name, value in values.items()}


def rows_of(model: keras.Model, batches: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the targets, outputs and weights of all samples of a dataset of batches."""
    batches = getattr(batches, "as_numpy_iterator", lambda: batches)()  # JAX takes no tensors
    rows = [
        (y, model.predict_on_batch(x), *(weights or (np.ones(len(y), "float32"),)))
        for x, y, *weights in batches
    ]
    targets, outputs, weights = (np.concatenate(each) for each in zip(*rows, strict=True))
    return targets, outputs, weights


def sample_loss(model: keras.Model, task: Task) -> Callable[[Any, Any], np.ndarray] | None:
    """Return the function from targets and outputs to the data loss of each sample.

    It is `None` if the model is compiled with something else than one loss of Keras.
    """
    loss: Any = model.loss if is_compiled(model) else task.loss()
    if not isinstance(loss, str | keras.losses.Loss):
        return None
    return by_sample(keras.losses.get(loss))


def by_sample(loss: Any) -> Callable[[Any, Any], np.ndarray]:
    """Return the function from targets and outputs to the loss of each sample, of a Keras loss."""
    function = getattr(loss, "call", loss)

    def losses(y: Any, outputs: Any) -> np.ndarray:
        if np.shape(outputs) == (*np.shape(y), 1):
            y = np.reshape(y, np.shape(outputs))
        values = np.asarray(keras.ops.convert_to_numpy(function(y, outputs)), "float64")
        return values.reshape(len(y), -1).mean(axis=1)

    return losses
