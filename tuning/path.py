"""`penalty_path`: the coefficients and the loss of a model along the values of one penalty."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import keras
import keras_tuner
import numpy as np
from tqdm import tqdm

from ..callbacks import BatchNormReestimation, ProximalPenalty
from ..callbacks.sparsity.kernels import select_kernels
from ..core.checks import (
    check_bool,
    check_integer,
    check_number,
    check_one_of,
    check_type,
    message,
)
from ..zoo import Data, Regularization
from ..zoo.regularization import Strength
from ..zoo.training import engine
from ..zoo.training.prepare import LEARNING_RATE
from ..zoo.training.train_transform import check_train_transform
from .path_result import PenaltyPath
from .subject import Subject, subject_of

PROXIMAL = ("l1", "group_lasso")  # applied by a ProximalPenalty, for exact zeros
_UNITLESS = (1e-3, 1.0)  # the range of PROXIMAL with AdamW, where 1 leaves few weights
_MOST_COEFFICIENTS = 1000


def penalty_path(
    model: str | keras.Model,
    data: Any,
    field: str = "l2",
    values: Sequence[float] | None = None,
    *,
    validation_data: Any = None,
    seeds: int = 1,
    base: Regularization | str | None = None,
    epochs: int = 100,
    learning_rate: float | None = None,
    relaxed: bool = False,
    seed: int = 0,
    verbose: int = 1,
    **options: Any,
) -> PenaltyPath:
    """Train a model with each of several values of a penalty, and compare the results.

    The path shows how a penalty shrinks the weights, how many of them it sets to zero, and what it
    costs and gains in data loss. Each value is trained from the same initial weights, without early
    stopping, and judged after the last epoch in inference mode. The seeds are the same for all
    values.

    `l1` and `group_lasso` are applied by a `callbacks.ProximalPenalty`, which makes weights exactly
    zero. With SGD without momentum, a path along `l1` or `l2` converges to that of the Lasso or of
    ridge regression for a linear model:

        mean((y - X w - b)^2) + l1 * sum |w| + l2 * sum w^2

    is minimized by `sklearn.linear_model.Lasso(alpha=l1 / 2)` and `Ridge(alpha=len(y) * l2)`. Use
    batches of the whole training part (`zoo.load_data(..., batch_size=len(y))`): the noise of small
    batches moves weights away from the minimum. With AdamW or Adam, the strengths of `l1` and
    `group_lasso` have no unit, and at 1, few weights remain.

    Args:
        model: One of `zoo.list_models()`, or a Keras model, compiled or not, as for `tuning.tune`.
            Each training of a Keras model begins from a copy with its weights.
        data: The data, from `zoo.load_data`, or what `fit` takes; see `zoo.train`.
        field: The name of a field of `Regularization` that is a number.
        values: The values of the field, positive and from the strongest to the weakest. By default
            12 values over its search range; for `l1` and `group_lasso`, if the optimizer is not
            SGD, from 1 to 0.001.
        validation_data: The validation part in the same form, if `data` is not from
            `zoo.load_data`; by default, a tenth of arrays is held out. A dataset needs it.
        seeds: The number of trainings of each value. With one, the error of a validation loss is
            that of the mean over the rows, otherwise that of the mean over the seeds. These vary
            the initial weights of a model of the zoo, but only the order of samples and dropout of
            a Keras model.
        base: All other fields: a `Regularization`, the name of a tier, or `None` for all off.
        epochs: The number of epochs of each training.
        learning_rate: The peak of the learning rate, 0.005 by default. `None` for a compiled model.
        relaxed: Whether to train each model again, from its last weights, without `l1` and
            `group_lasso`. Zeros stay zero. This removes the bias of shrinkage from the weights that
            the penalty selects.
        seed: The first seed.
        verbose: 0 is silent, 1 shows a progress bar over the trainings.
        **options: The options of a model of the zoo, such as `units`.

    Returns:
        A `PenaltyPath`: `.choice` is the value by the one-standard-error rule, `.table()` and
        `.plot(path)` show all values, `.relaxed` is the path of the relaxed models.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the model, tier or field is unknown, the model does not support the field, a
            number is out of range, the values are not in order, or `relaxed` is set for a field
            that makes no weights zero.

    Example: two of three inputs are noise.

    >>> x = np.random.default_rng(0).normal(size=(80, 3)).astype("float32")
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.1), "mse")
    >>> path = penalty_path(model, (x, x[:, :1]), "l1", [0.5, 0.1], epochs=20, verbose=0)
    >>> path.nonzeros.tolist(), path.choice
    ([[1], [1]], 0.1)

    Reference: Friedman, Hastie & Tibshirani, Regularization Paths for Generalized Linear Models via
    Coordinate Descent, 2010, https://doi.org/10.18637/jss.v033.i01; relaxed: Meinshausen, Relaxed
    Lasso, 2007, https://doi.org/10.1016/j.csda.2006.12.019
    """
    fields = Regularization.fields()
    numbers = {name: each for name, each in fields.items() if isinstance(each, Strength)}
    check_one_of("field", field, numbers)
    for name, count in {"seeds": seeds, "epochs": epochs}.items():
        check_integer(name, count, minimum=1)
    check_integer("seed", seed, minimum=0)
    check_number("learning_rate", learning_rate, "(0, inf)", optional=True)
    check_bool("relaxed", relaxed)
    if relaxed and field not in PROXIMAL:
        expected = f"False for {field!r}: only {' and '.join(PROXIMAL)} make weights exactly zero"
        raise ValueError(message("relaxed", relaxed, expected))
    expected = "the name of a model of the zoo or a keras.Model"
    check_type("model", model, (str, keras.Model), expected)
    compiled = isinstance(model, keras.Model) and engine.is_compiled(model)
    if values is None:
        optimizer = model.optimizer if isinstance(model, keras.Model) and compiled else None
        unitless = field in PROXIMAL and not isinstance(optimizer, keras.optimizers.SGD)
        values = _default_values(numbers[field], unitless=unitless)
    values = _check_values(values, numbers[field])
    subject, data = subject_of(
        model,
        data,
        validation_data,
        [field],
        base,
        learning_rate,
        options,
        seed=seed,
        argument="field",
    )
    if "validation" not in data.raw_splits:
        raise ValueError(message("data", data.name, "data with a validation part, not folds"))
    path = [subject.space.around.replace(**{field: value}) for value in values]
    check_train_transform(data, path[-1])
    subject.make(keras_tuner.HyperParameters(), path[-1], seed)  # raises early
    statistics = BatchNormReestimation(engine.first_batches(data))
    training: Any = {
        "epochs": epochs,
        "learning_rate": learning_rate or LEARNING_RATE,
        "callbacks": [statistics],
    }
    runs, relaxed_runs = [], []
    total = len(values) * seeds * (1 + relaxed)
    with tqdm(total=total, unit="run", disable=not verbose) as bar:
        for regularization, each in product(path, range(seed, seed + seeds)):
            trained, run = _train(subject, data, regularization, each, **training)
            runs.append(run)
            bar.update()
            if relaxed:
                weights = trained.get_weights()
                _, run = _train(subject, data, regularization, each, relax=weights, **training)
                relaxed_runs.append(run)
                bar.update()
    found = _path(field, values, relaxed_runs) if relaxed else None
    return replace(_path(field, values, runs), relaxed=found)


class _Run(NamedTuple):
    """The figures of one training."""

    train_loss: float
    validation_loss: float
    row_error: float
    kernels: list[np.ndarray]
    names: list[str]


def _train(
    subject: Subject,
    data: Data,
    regularization: Regularization,
    seed: int,
    *,
    epochs: int,
    learning_rate: float,
    callbacks: list[keras.callbacks.Callback],
    relax: list[np.ndarray] | None = None,
) -> tuple[keras.Model, _Run]:
    """Train a model and evaluate it; with the weights to `relax`, refit the nonzero ones."""
    strengths = {n: value for n, value in regularization.on().items() if n in PROXIMAL}
    rest = regularization.replace(**dict.fromkeys(PROXIMAL, 0.0))
    keras.utils.set_random_seed(seed)  # pairs layers of a user that have no seed
    model = trainee = subject.make(keras_tuner.HyperParameters(), rest, seed)
    if not engine.is_compiled(model):
        trainee = engine.compile_model(
            model, data, rest, epochs=epochs, learning_rate=learning_rate
        )
    if relax is not None:
        model.set_weights(relax)
        callbacks = [*callbacks, ProximalPenalty(l1=0.0, debias_from=0)]
    elif strengths:
        callbacks = [*callbacks, ProximalPenalty(**strengths)]
    train_only = replace(data, raw_splits={"train": data.raw_splits["train"]})
    engine.fit(trainee, train_only, rest, epochs=epochs, seed=seed, callbacks=callbacks)
    found = engine.figures(model, data, ("train", "validation"))
    kernels = [kernel.variable for kernel in select_kernels(model)]
    return model, _Run(
        found["train"]["data_loss"],
        found["validation"]["data_loss"],
        found["validation"].get("data_loss_error", math.nan),
        [keras.ops.convert_to_numpy(kernel) for kernel in kernels],
        [kernel.path for kernel in kernels],
    )


def _path(field: str, values: tuple[float, ...], runs: Sequence[_Run]) -> PenaltyPath:
    """Return the path of trainings in the order of the values, and for each of the seeds."""

    def table(numbers: Any) -> np.ndarray:
        array = np.array(list(numbers))
        return array.reshape(len(values), -1, *array.shape[1:])

    first = runs[0].kernels
    single = len(first) == 1 and first[0].size <= _MOST_COEFFICIENTS
    return PenaltyPath(
        field,
        values,
        train_losses=table(run.train_loss for run in runs),
        validation_losses=table(run.validation_loss for run in runs),
        row_errors=table(run.row_error for run in runs),
        nonzeros=table(sum(map(np.count_nonzero, run.kernels)) for run in runs),
        size=sum(kernel.size for kernel in first),
        norms=table([np.linalg.norm(kernel) for kernel in run.kernels] for run in runs),
        kernels=tuple(runs[0].names),
        coefficients=table(run.kernels[0] for run in runs) if single else None,
    )


def _default_values(field: Strength, *, unitless: bool) -> list[float]:
    low, high = _UNITLESS if unitless else field.search
    spaced = np.geomspace if field.scale == "log" else np.linspace
    values = [float(f"{value:.3g}") for value in spaced(high, low, 12)]
    return values if field.stronger == "up" else values[::-1]


def _check_values(values: Any, field: Strength) -> tuple[float, ...]:
    """Return the values as numbers, or raise unless they are in range and in order."""
    check_type("values", values, (Sequence, np.ndarray), "a list of numbers or None")
    for number, value in enumerate(values):
        check_number(f"values[{number}]", value, f"(0, {field.below:g})")
    values = tuple(map(float, values))
    order = tuple(sorted(set(values), reverse=field.stronger == "up"))
    if not values or values != order:
        expected = "one or more different numbers, from the strongest to the weakest"
        raise ValueError(message("values", values, expected))
    return values
