"""What a training is asked to do: its arguments checked, resolved and written down."""

import math
from typing import Any

import keras

from ..data import Data
from ..models import blueprint_of, resolve
from ..regularization import Regularization
from .provenance import git_state, versions

__all__ = ["check_arguments", "configuration", "regularization_of"]


def regularization_of(
    model: keras.Model, regularization: Regularization | str | None
) -> Regularization:
    """What to train `model` with.

    Raises:
        ValueError: `regularization` asks for what the model was not built with.
    """
    blueprint = blueprint_of(model)
    if blueprint is None:
        wanted = resolve(regularization, model.name)
        if unmet := wanted.only("model").on():
            raise ValueError(
                f"Model {model.name!r} was not built by zoo.create_model, so that training can "
                f"give it only {' and '.join(Regularization.names('training'))}. "
                f"Received also: {', '.join(unmet)}"
            )
        return wanted
    if regularization is None:
        return blueprint.regularization
    wanted = resolve(regularization, blueprint.name)
    if wanted.only("model") != blueprint.regularization.only("model"):
        raise ValueError(
            f"The model was built with {blueprint.regularization}; training can change only "
            f"{' and '.join(Regularization.names('training'))} of it. Received: {wanted}"
        )
    return wanted


def check_arguments(
    model: keras.Model, data: Data, *, epochs: Any, learning_rate: Any, patience: Any
) -> None:
    """Says which argument of `train` is out of range, or does not fit the data."""
    if not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs must be an integer >= 1. Received: {epochs!r}")
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate must be a positive number. Received: {learning_rate!r}")
    if patience is not None and (not isinstance(patience, int) or patience < 1):
        raise ValueError(f"patience must be an integer >= 1 or None. Received: {patience!r}")
    expected = (None, *data.input_shape), (None, data.num_classes)
    if (received := (model.input_shape, model.output_shape)) != expected:
        raise ValueError(
            f"Data {data.name!r} needs a model with input and output shapes {expected[0]} and "
            f"{expected[1]}. Received: {received[0]} and {received[1]}"
        )


def configuration(
    model: keras.Model, data: Data, regularization: Regularization, training: dict[str, Any]
) -> dict[str, Any]:
    """Everything needed to repeat a training, as JSON values."""
    blueprint = blueprint_of(model)
    return {
        "model": {
            **(blueprint.to_dict() if blueprint else {"name": model.name}),
            "parameters": model.count_params(),
        },
        "data": data.to_dict(),
        "regularization": regularization.to_dict(),
        "training": training,
        "versions": versions(),
        "git": git_state(),
    }
