"""Compile, fit and evaluate: the part that `zoo.train` and the tuner share."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...callbacks import weight_penalty
from ...callbacks.diagnosis.baseline_loss import compiled_baseline_loss
from ...callbacks.ledger import evaluate
from ..augmentation import augment
from ..data import Data
from ..data.source import data_errors
from ..metrics import DataLoss
from ..optimizers import AdamW, adamw
from ..regularization import Regularization
from ..tasks import Given, Task
from .sharpness_aware import SharpnessAware
from .train_transform import train_transform

_STREAMED_STEPS = 16  # steps in one call if the data does not fit in memory


def compile_model(
    model: keras.Model,
    data: Data,
    regularization: Regularization,
    *,
    epochs: int,
    learning_rate: float,
    passes: int = 1,
) -> keras.Model:
    """Compile `model` with the optimizer part of `regularization`, and return the model to fit.

    `loss` is that of the task plus the penalties, `data_loss` that of the task alone. If the data
    is in memory, an epoch runs in one call (`steps_per_execution`), which is faster for small
    models. With `sam_rho`, the model to fit is a `SharpnessAware` of `model`, otherwise `model`.
    An epoch has `passes` passes over the training part.
    """
    steps = passes * data.steps_per_epoch
    optimizer = adamw(learning_rate, steps * epochs, weight_decay=regularization.weight_decay)
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
    passes: int = 1,
    first_epoch: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train the model that `compile_model` returned, and return its history.

    Args:
        model: The compiled model.
        data: The data; its training and validation parts are used.
        regularization: The augmentation, mixing and smoothing of the training batches.
        epochs: The epoch before which to stop.
        seed: The seed of the order and augmentation, which depend on it and the pass only.
        passes: The number of passes over the training part in an epoch, as in `compile_model`.
        first_epoch: The epoch to begin with.
        callbacks: Keras callbacks. Batch hooks are called once for all steps of an execution.
    """
    with data_errors():
        history = model.fit(
            training_batches(data, regularization, seed=seed, first_epoch=passes * first_epoch),
            steps_per_epoch=passes * data.steps_per_epoch,
            initial_epoch=first_epoch,
            epochs=epochs,
            validation_data=data.validation,
            callbacks=list(callbacks),
            shuffle=False,  # `data.epochs` shuffles
            verbose=0,
        )
    return history.history


def training_batches(
    data: Data, regularization: Regularization, *, seed: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """Return shuffled training batches without end, augmented, mixed and smoothed."""
    transform = train_transform(data, regularization)
    if not transform.layers:
        return data.epochs(first_epoch, seed=seed)
    batches = data.epochs(first_epoch, seed=seed, class_weights=False)
    start = first_epoch * data.steps_per_epoch
    batches = augment(batches, transform, seed=seed, start=start)
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


def figures(model: keras.Model, data: Data) -> dict[str, Any]:
    """Evaluate a compiled model on all parts, in inference mode; see `Run.result`."""
    parts = {
        "train": data.epochs(seed=0).take(data.steps_per_epoch),
        "validation": data.validation,
        **({"test": data.test} if "test" in data.raw_splits else {}),
    }
    found = {name: _evaluate(model, data.task, part) for name, part in parts.items()}
    unseen = found.get("test", found["validation"])
    gap = {"data_loss": unseen["data_loss"] - found["train"]["data_loss"]}
    gap |= {
        name: found["train"][name] - unseen[name] for name in data.task.scores_up if name in unseen
    }
    return {**found, "weight_penalty": float(weight_penalty(model)), "gap": gap}


def _evaluate(model: keras.Model, task: Task, dataset: Any) -> dict[str, float]:
    """Return the loss, its data loss, the metrics of the model and the scores of the task."""
    with data_errors():
        values = evaluate(model, dataset)
        values = {name: value for name, value in values.items() if name != "penalty"}
        if not isinstance(task, Given) and not is_compiled(model):
            values |= task.scores(*_targets_and_outputs(model, dataset))
    return {name: float(value) for name, value in values.items()}


def _targets_and_outputs(model: keras.Model, dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    batches = dataset.as_numpy_iterator()  # JAX takes no tensors of TensorFlow
    pairs = [(batch[1], model.predict_on_batch(batch[0])) for batch in batches]
    targets, outputs = zip(*pairs, strict=True)
    return np.concatenate(targets), np.concatenate(outputs)
