"""Compile, fit and evaluate: the part that `zoo.train` and the tuner share."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ...callbacks import weight_penalty
from ..augmentation import augment
from ..data import Data
from ..data.source import data_errors
from ..metrics import DataLoss
from ..optimizers import adamw
from ..regularization import Regularization
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
) -> keras.Model:
    """Compile `model` with the optimizer part of `regularization`, and return the model to fit.

    `loss` is that of the task plus the penalties, `data_loss` that of the task alone. If the data
    is in memory, an epoch runs in one call (`steps_per_execution`), which is faster for small
    models. With `sam_rho`, the model to fit is a `SharpnessAware` of `model`, otherwise `model`.
    """
    steps = data.steps_per_epoch
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


def fit(
    model: keras.Model,
    data: Data,
    regularization: Regularization,
    *,
    epochs: int,
    seed: int,
    first_epoch: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train the model that `compile_model` returned, and return its history.

    Args:
        model: The compiled model.
        data: The data; its training and validation parts are used.
        regularization: The augmentation, mixing and smoothing of the training batches.
        epochs: The epoch before which to stop.
        seed: The seed of the order and augmentation, which depend on it and the epoch only.
        first_epoch: The epoch to begin with.
        callbacks: Keras callbacks. Batch hooks are called once for all steps of an execution.
    """
    with data_errors():
        history = model.fit(
            training_batches(data, regularization, seed=seed, first_epoch=first_epoch),
            steps_per_epoch=data.steps_per_epoch,
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


def figures(model: keras.Model, data: Data) -> dict[str, Any]:
    """Evaluate a compiled model on all three parts, in inference mode; see `Run.result`."""
    one_epoch = data.epochs(seed=0).take(data.steps_per_epoch)
    parts = (one_epoch, data.validation, data.test)
    train, validation, test = (_evaluate(model, part) for part in parts)
    return {
        "train": train,
        "validation": validation,
        "test": test,
        "weight_penalty": float(weight_penalty(model)),
        "gap": {
            "data_loss": test["data_loss"] - train["data_loss"],
            "accuracy": train["accuracy"] - test["accuracy"],
        },
    }


def _evaluate(model: keras.Model, dataset: Any) -> dict[str, float]:
    with data_errors():
        values = model.evaluate(dataset, return_dict=True, verbose=0)
    return {name: float(value) for name, value in values.items()}
