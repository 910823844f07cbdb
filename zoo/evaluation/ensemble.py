"""`ensemble_predict`: the predictions of several trainings of a model together."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ...core.checks import check_integer, message
from ..tasks import Task
from ..training.run import Run, model_of
from .answers import Answers, PredictiveDistribution, check_outputs


def ensemble_predict(
    models: Sequence[keras.Model | Run],
    x: Any,
    *,
    batch_size: int = 256,
    task: Task | str | None = None,
) -> PredictiveDistribution:
    """Predict with a deep ensemble: the same model, trained from several seeds.

    The mean of the probabilities, or of the values of a regression, is usually better and better
    calibrated than the prediction of one member, and the members disagree on inputs that are unlike
    the training data. `zoo.evaluate([run, other, ...], data)` judges the mean.

    Args:
        models: At least two members: finished runs, models of the zoo, or any Keras models with one
            output `(n, units)`. They may differ in architecture, but not in their inputs and task.
        x: Inputs as the models take them, an array or arrays by name.
        batch_size: The number of rows in a batch.
        task: The task or its kind; by default, that of the models of the zoo, or what the last
            activation and the compiled loss tell.

    Returns:
        The probabilities of all members, with their mean, spread, entropy and mutual information.

    Raises:
        TypeError: If `models` is not a list of models and runs.
        ValueError: If there is one member only, or one of them twice, the members answer different
            tasks, an argument is out of range, an output is not a finite number, or the outputs
            could mean two things.

    Example:

    >>> models = []
    >>> for seed in range(3):
    ...     start = keras.initializers.GlorotUniform(seed)
    ...     dense = keras.layers.Dense(3, activation="softmax", kernel_initializer=start)
    ...     models.append(keras.Sequential([keras.Input((4,)), dense]))
    >>> found = ensemble_predict(models, np.ones((2, 4)))
    >>> found.passes.shape, found.mean.shape, bool((found.mutual_information > 0).all())
    ((3, 2, 3), (2, 3), True)

    Reference: Lakshminarayanan et al., Simple and Scalable Predictive Uncertainty Estimation using
    Deep Ensembles, 2017, https://arxiv.org/abs/1612.01474
    """
    check_integer("batch_size", batch_size, 1)
    members = check_members("models", models)
    passes, answers = [], None
    for model in map(model_of, members):
        outputs = model.predict(x, batch_size=batch_size, verbose=0)
        check_outputs(model, outputs)
        found = Answers(model, outputs, task)
        answers = answers or found
        passes.append(found.probabilities(found.logits(outputs)))
        if (found.kind, passes[-1].shape) != (answers.kind, passes[0].shape):
            received = f"{found.kind} {passes[-1].shape} and {answers.kind} {passes[0].shape}"
            raise ValueError(f"`models` must answer the same task. Received: {received}")
    return answers.distribution(np.stack(passes))  # pyright: ignore[reportOptionalMemberAccess]


def check_members(argument: str, models: Any) -> list[keras.Model | Run]:
    """Return the members of an ensemble as a list, or raise if they are none or only one."""
    expected = "a list of at least two models or runs"
    if not isinstance(models, Sequence) or isinstance(models, str):
        raise TypeError(message(argument, models, expected))
    if wrong := [each for each in models if not isinstance(each, keras.Model | Run)]:
        raise TypeError(message(argument, wrong[0], expected))
    if len(models) < 2:
        raise ValueError(f"`{argument}` must be {expected}. Received: {len(models)}")
    seen = []
    for each in models:
        directory = each.directory and each.directory.resolve() if isinstance(each, Run) else None
        if (identity := directory or id(each)) in seen:
            name = each.name if isinstance(each, keras.Model) else directory
            raise ValueError(f"`{argument}` must differ. Received: {name} more than once")
        seen.append(identity)
    return list(models)
