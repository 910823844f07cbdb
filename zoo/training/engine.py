"""Compile, fit and evaluate: the part that `zoo.train` and the tuner share."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ...callbacks import weight_penalty
from ..data import Data
from ..losses import SparseCategoricalCrossentropy
from ..optimizers import adamw
from ..regularization import Regularization

__all__ = ["compile_model", "figures", "fit"]

_STREAMED_STEPS = 16  # steps in one call where the data does not fit in memory


def compile_model(
    model: keras.Model,
    data: Data,
    regularization: Regularization,
    *,
    epochs: int,
    learning_rate: float,
) -> None:
    """Compiles `model` with what of `regularization` belongs to training.

    `loss` is the smoothed cross-entropy plus the penalties, `data_loss` the plain cross-entropy.
    An epoch of data in memory runs in one call (`steps_per_execution`), which takes a fraction of
    the time of one call a step when the model is small.
    """
    steps = data.steps_per_epoch
    model.compile(
        optimizer=adamw(learning_rate, steps * epochs, weight_decay=regularization.weight_decay),
        loss=SparseCategoricalCrossentropy(regularization.label_smoothing),
        metrics=[
            keras.metrics.SparseCategoricalCrossentropy("data_loss", from_logits=True),
            keras.metrics.SparseCategoricalAccuracy("accuracy"),
        ],
        steps_per_execution=steps if data.in_memory else min(steps, _STREAMED_STEPS),
        jit_compile=_jit_compile(),
    )


def _jit_compile() -> bool | str:
    # On a CPU, XLA costs seconds of compilation for TensorFlow and makes no step of ours faster.
    on_cpu = keras.backend.backend() == "tensorflow" and not tf.config.list_physical_devices("GPU")
    return False if on_cpu else "auto"


def fit(
    model: keras.Model,
    data: Data,
    *,
    epochs: int,
    seed: int,
    first_epoch: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Trains a compiled model and returns its history.

    Args:
        model: compiled by `compile_model`.
        data: its training part is shuffled anew each epoch; callbacks see its validation part.
        epochs: the epoch before which to end.
        seed: of the order of the training samples, which depends on it and on the epoch only.
        first_epoch: the epoch with which to begin.
        callbacks: Keras callbacks; batch hooks are called once for all steps of an execution.
    """
    history = model.fit(
        data.epochs(first_epoch, seed=seed),
        steps_per_epoch=data.steps_per_epoch,
        initial_epoch=first_epoch,
        epochs=epochs,
        validation_data=data.validation,
        callbacks=list(callbacks),
        shuffle=False,  # `data.epochs` does it
        verbose=0,
    )
    return history.history


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
    values = model.evaluate(dataset, return_dict=True, verbose=0)
    return {name: float(value) for name, value in values.items()}
