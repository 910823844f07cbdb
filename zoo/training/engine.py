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
from ..losses import CategoricalCrossentropy
from ..metrics import CategoricalAccuracy, DataLoss
from ..optimizers import adamw
from ..regularization import Regularization
from .samples import samples
from .sharpness_aware import SharpnessAware

__all__ = ["compile_model", "figures", "fit", "train_eval_batches", "training_batches"]

_STREAMED_STEPS = 16  # steps in one call where the data does not fit in memory


def compile_model(
    model: keras.Model,
    data: Data,
    regularization: Regularization,
    *,
    epochs: int,
    learning_rate: float,
) -> keras.Model:
    """Compiles `model` with what of `regularization` belongs to training; returns what to fit.

    `loss` is the cross-entropy plus the penalties, `data_loss` the cross-entropy alone. An epoch of
    data in memory runs in one call (`steps_per_execution`), which takes a fraction of the time of
    one call a step when the model is small. With `sam_rho`, what to fit is a `SharpnessAware` that
    shares the layers and the optimizer of `model`; otherwise it is `model` itself.
    """
    steps = data.steps_per_epoch
    optimizer = adamw(learning_rate, steps * epochs, weight_decay=regularization.weight_decay)
    trainee = SharpnessAware(model, regularization.sam_rho) if regularization.sam_rho else model
    for each in {id(model): model, id(trainee): trainee}.values():
        each.compile(
            optimizer=optimizer,
            loss=CategoricalCrossentropy(),
            metrics=[DataLoss(), CategoricalAccuracy("accuracy")],
            steps_per_execution=steps if data.in_memory else min(steps, _STREAMED_STEPS),
            jit_compile=_jit_compile(),
        )
    return trainee


def _jit_compile() -> bool | str:
    # On a CPU, XLA costs seconds of compilation for TensorFlow and makes no step of ours faster.
    on_cpu = keras.backend.backend() == "tensorflow" and not tf.config.list_physical_devices("GPU")
    return False if on_cpu else "auto"


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
    """Trains what `compile_model` returned, and returns its history.

    Args:
        model: compiled by `compile_model`.
        data: its training part is shuffled anew each epoch; callbacks see its validation part.
        regularization: what is done to the training part's samples and labels.
        epochs: the epoch before which to end.
        seed: of the order of the training samples, and of what is done to them; both depend on it
            and on the epoch only.
        first_epoch: the epoch with which to begin.
        callbacks: Keras callbacks; batch hooks are called once for all steps of an execution.
    """
    with data_errors():
        history = model.fit(
            training_batches(data, regularization, seed=seed, first_epoch=first_epoch),
            steps_per_epoch=data.steps_per_epoch,
            initial_epoch=first_epoch,
            epochs=epochs,
            validation_data=data.validation,
            callbacks=list(callbacks),
            shuffle=False,  # `data.epochs` does it
            verbose=0,
        )
    return history.history


def training_batches(
    data: Data, regularization: Regularization, *, seed: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """Shuffled training batches without end, augmented, mixed and smoothed as asked for."""
    batches = data.epochs(first_epoch, seed=seed)
    layer = samples(data, regularization)
    if not layer.layers:
        return batches
    start = first_epoch * data.steps_per_epoch
    return augment(batches, layer, seed=seed, start=start).prefetch(tf.data.AUTOTUNE)


def train_eval_batches(data: Data, fraction: float) -> tf.data.Dataset:
    """Batches of a fraction of the training part, always the same ones, as they are."""
    batches = math.ceil(fraction * data.steps_per_epoch)
    return data.epochs(seed=0).take(batches).cache()


def figures(model: keras.Model, data: Data) -> dict[str, Any]:
    """The figures of a compiled model on all three parts, in inference mode; see `Run.result`."""
    one_epoch = data.epochs(seed=0).take(data.steps_per_epoch)
    train, validation, test = (
        _evaluate(model, part) for part in (one_epoch, data.validation, data.test)
    )
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
