"""What a training is asked to do: its arguments checked, resolved and written down."""

import hashlib
import json
import math
import numbers
import warnings
from collections.abc import Iterable
from typing import Any

import keras

from ...callbacks import Schedule
from ...exports import ExportError
from ...exports.head import means_logits
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
        if regularization is None:
            _warn_of_inner(model)
        wanted = resolve(regularization, model.name)
        if unmet := wanted.only("model").on():
            raise ValueError(
                f"Model {model.name!r} was not built by zoo.create_model, so that training can "
                f"give it only {', '.join(Regularization.names('training'))}. "
                f"Received also: {', '.join(unmet)}"
            )
        return wanted
    if regularization is None:
        return blueprint.regularization
    wanted = resolve(regularization, blueprint.name)
    if wanted.only("model") != blueprint.regularization.only("model"):
        raise ValueError(
            f"The model was built with {blueprint.regularization}; training can change only "
            f"{', '.join(Regularization.names('training'))} of it. Received: {wanted}"
        )
    return wanted


def _warn_of_inner(model: keras.Model) -> None:
    """Says what a model of the zoo inside of another one was made for, which is not done."""
    for layer in model._flatten_layers(include_self=False):
        blueprint = blueprint_of(layer)
        if blueprint and (training := blueprint.regularization.only("training")).on():
            warnings.warn(
                f"{layer.name!r} was made with {training} and is part of the model {model.name!r}, "
                "which is trained without: give zoo.train a regularization, Regularization() for "
                "none.",
                stacklevel=4,
            )


def check_arguments(
    model: keras.Model,
    data: Data,
    *,
    epochs: Any,
    learning_rate: Any,
    patience: Any,
    train_eval: Any,
    seed: Any,
    callbacks: Iterable[keras.callbacks.Callback],
) -> None:
    """Says which argument of `train` is out of range, or does not fit the data."""
    _check_integer("epochs", epochs, at_least=1)
    _check_integer("seed", seed, at_least=0)
    if patience is not None:
        _check_integer("patience", patience, at_least=1, otherwise=" or None")
    if not isinstance(learning_rate, numbers.Real) or not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate must be a positive number. Received: {learning_rate!r}")
    if not isinstance(train_eval, numbers.Real) or not 0 <= train_eval <= 1:
        raise ValueError(f"train_eval must be a fraction in [0, 1]. Received: {train_eval!r}")
    for callback in callbacks:
        if isinstance(callback, _SETS_THE_RATE) or _schedules_the_rate(callback):
            raise ValueError(
                "callbacks must not set the learning rate, which follows a warm-up and a cosine "
                "from `learning_rate` to 0: leave them out, or train with model.compile and "
                f"model.fit. Received: {type(callback).__name__}"
            )
    expected = (None, *data.input_shape), (None, data.num_classes)
    received = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not model.built or received != expected:
        raise ValueError(
            f"Data {data.name!r} needs a built model with input and output shapes {expected[0]} "
            f"and {expected[1]}. Received: {received[0]} and {received[1]}"
        )
    if _gives_probabilities(model, data.num_classes):
        raise ValueError(
            f"Model {model.name!r} must return logits: take the softmax out of its last layer. "
            "Received: a last activation of softmax"
        )


_SETS_THE_RATE = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


def _schedules_the_rate(callback: Any) -> bool:
    return isinstance(callback, Schedule) and callback.attribute == "learning_rate"


def _check_integer(name: str, value: Any, *, at_least: int, otherwise: str = "") -> None:
    integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not integer or value < at_least:
        raise ValueError(f"{name} must be an integer >= {at_least}{otherwise}. Received: {value!r}")


def _gives_probabilities(model: keras.Model, units: int) -> bool:
    try:
        return not means_logits(model, units)
    except ExportError:  # it cannot be seen
        return False


def configuration(
    model: keras.Model, data: Data, regularization: Regularization, training: dict[str, Any]
) -> dict[str, Any]:
    """Everything needed to repeat a training, as JSON values."""
    blueprint = blueprint_of(model)
    strengths = regularization.to_dict()
    if blueprint is None:  # what else may be in the model is not ours to say
        strengths = {name: strengths[name] for name in Regularization.names("training")}
    return {
        "model": blueprint.to_dict() if blueprint else {"architecture": _digest(model)},
        "data": data.to_dict(),
        "regularization": strengths,
        "training": training,
        "parameters": model.count_params(),
        "versions": versions(),
        "git": git_state(),
    }


def _digest(model: keras.Model) -> str:
    """Tells architectures apart, but not the automatic names in them, which carry a counter."""
    config: Any = keras.saving.serialize_keras_object(model)
    names: dict[str, str] = {}

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(name := value.get("name"), str):
                names.setdefault(name, f"name {len(names)}")
            value = list(value.values())
        if isinstance(value, list | tuple):
            for item in value:
                collect(item)

    def rename(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rename(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [rename(item) for item in value]
        return names.get(value, value) if isinstance(value, str) else value

    config.pop("compile_config", None)
    collect(config)
    return hashlib.sha256(json.dumps(rename(config), sort_keys=True).encode()).hexdigest()[:16]
