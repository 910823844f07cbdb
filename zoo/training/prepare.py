"""`prepare`: from the arguments of `train` to a `Fitter` and the record of a configuration."""

from collections.abc import Sequence
from typing import Any, Literal

import keras

from ...core.checks import check_integer, check_number, check_type
from ..data import Data
from ..regularization import Regularization
from . import engine
from .budget import Budget
from .configuration import (
    check_callbacks,
    check_compiled,
    check_model,
    configuration,
    regularization_of,
)
from .fit import Fitter
from .train_transform import check_train_transform

LEARNING_RATE = 5e-3


def prepare(
    model: keras.Model,
    data: Data,
    *,
    regularization: Regularization | str | None,
    epochs: int | None,
    steps: int | None,
    learning_rate: float | None,
    patience: int | Literal["auto"] | None,
    train_eval: float,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] | None,
    verbose: int,
) -> tuple[Fitter, dict[str, Any]]:
    """Check the arguments of `train`; return the compiled model to fit, and their record."""
    check_type("model", model, keras.Model, "a keras.Model")
    budget = check_training(
        data,
        epochs=epochs,
        steps=steps,
        learning_rate=learning_rate,
        patience=patience,
        train_eval=train_eval,
        seed=seed,
    )
    compiled = engine.is_compiled(model)
    check_callbacks(callbacks, compiled=compiled)
    regularization = regularization_of(model, regularization, data)
    if compiled:
        check_compiled(model, data, regularization, learning_rate)
        if not model.built:
            model(next(iter(data.train))[0], training=False)
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
    fitter = Fitter(
        model,
        data,
        regularization,
        budget,
        learning_rate=learning_rate,
        seed=seed,
        train_eval=train_eval,
        callbacks=callbacks or (),
        verbose=verbose,
    )
    return fitter, config


def check_training(
    data: Data,
    *,
    epochs: int | None,
    steps: int | None,
    learning_rate: float | None,
    patience: int | Literal["auto"] | None,
    train_eval: float,
    seed: int,
) -> Budget:
    """Check the numbers among the arguments of `train`, and return the budget that they make."""
    check_integer("seed", seed, minimum=0)
    check_number("learning_rate", learning_rate, "(0, inf)", optional=True)
    check_number("train_eval", train_eval, "[0, 1]")
    return Budget.of(data, epochs=epochs, steps=steps, patience=patience)
