"""The loss with which a model is compiled, and the task that it was trained for."""

import functools
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Literal, NamedTuple

import keras

TaskKind = Literal["classification", "multilabel", "regression"]

# A loss object of Keras holds its function as `fn`; the class has no public name.
_LOSS_OBJECT: Any = keras.losses.MeanSquaredError.__base__

_REGRESSION = (
    keras.losses.mean_squared_error,
    keras.losses.mean_absolute_error,
    keras.losses.mean_absolute_percentage_error,
    keras.losses.mean_squared_logarithmic_error,
    keras.losses.huber,
    keras.losses.log_cosh,
    keras.losses.poisson,
)
_CLASSIFICATION = (
    keras.losses.categorical_crossentropy,
    keras.losses.sparse_categorical_crossentropy,
    keras.losses.categorical_focal_crossentropy,
    keras.losses.categorical_generalized_cross_entropy,
    keras.losses.kl_divergence,
)
# One unit stands for two classes, several for independent labels.
_BINARY = (keras.losses.binary_crossentropy, keras.losses.binary_focal_crossentropy)
# Losses of Keras that fit none of the tasks, with the reason.
OTHER = {
    keras.losses.cosine_similarity: "a loss for directions",
    keras.losses.hinge: "a loss for margins, not probabilities",
    keras.losses.squared_hinge: "a loss for margins, not probabilities",
    keras.losses.categorical_hinge: "a loss for margins, not probabilities",
    keras.losses.circle: "a loss for embeddings",
    keras.losses.ctc: "a loss for sequences",
    keras.losses.dice: "a loss for masks",
    keras.losses.tversky: "a loss for masks",
}


class CompiledLoss(NamedTuple):
    """A loss of a compiled model.

    Args:
        function: The function of a loss of Keras, or the loss object of another package.
        from_logits: Whether a cross-entropy takes logits.
    """

    function: Callable[..., Any]
    from_logits: bool


def compiled_losses(model: keras.Model) -> Iterator[CompiledLoss]:
    """Yield the losses of a compiled model, in the order in which they were given.

    Names, classes, objects and partial functions all give the function of Keras. Names that
    Keras does not know are skipped.
    """
    for given in keras.tree.flatten(getattr(model, "loss", None)):
        loss: Any = given
        from_logits = False
        if loss is None:
            continue
        if isinstance(given, str | type):
            try:
                loss = keras.losses.get(given)
            except ValueError:  # not a loss of Keras
                continue
        while isinstance(loss, functools.partial):
            from_logits = from_logits or bool(loss.keywords.get("from_logits"))
            loss = loss.func
        function = loss.fn if isinstance(loss, _LOSS_OBJECT) else loss
        yield CompiledLoss(function, from_logits or bool(getattr(loss, "from_logits", False)))


def task_of_loss(function: Any, units: int) -> TaskKind | None:
    """Return the task that a loss trains an output of `units` for, or `None` if it is unknown.

    A loss class may state it itself, as its attribute `task`.

    Example:

    >>> task_of_loss(keras.losses.huber, 1), task_of_loss(keras.losses.binary_crossentropy, 3)
    ('regression', 'multilabel')
    """
    if (stated := getattr(function, "task", None)) is not None:
        return stated
    if not isinstance(function, Hashable):
        return None
    if function in _REGRESSION:
        return "regression"
    if function in _BINARY:
        return "multilabel" if units > 1 else "classification"
    return "classification" if function in _CLASSIFICATION and units > 1 else None


def compiled_task(model: keras.Model, units: int) -> TaskKind | None:
    """Return the task that a model of one output was compiled for, or `None` if it is unknown."""
    tasks: set[TaskKind | None] = {
        task_of_loss(loss.function, units) for loss in compiled_losses(model)
    }
    return tasks.pop() if len(tasks) == 1 else None
