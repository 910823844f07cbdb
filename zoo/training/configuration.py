"""The arguments of `train`: checked, resolved, and recorded so that the run can be repeated."""

import hashlib
import json
import platform
import subprocess
import warnings
from collections.abc import Sequence
from importlib import metadata
from types import NoneType
from typing import Any

import keras

from ...callbacks import Schedule
from ...core.checks import check_type, message
from ...exports import ExportError
from ...exports.heads.activation import means_logits
from ..data import Data
from ..models import Setting, blueprint_of, resolve
from ..regularization import Regularization
from ..tasks import Classification, Given, Regression

_PACKAGES = ("keras-occam", "keras", "tensorflow", "numpy", "keras-tuner", "tensorflow-datasets")


def regularization_of(
    model: keras.Model, regularization: Regularization | str | None, data: Data
) -> Regularization:
    """Return the regularization to train `model` with, checked against the layers of the model."""
    blueprint = blueprint_of(model)
    setting = Setting.of(data)
    if blueprint is None:
        if regularization is None:
            _warn_of_inner_models(model)
        if isinstance(regularization, str):
            expected = (
                f"an occam.zoo.Regularization for model {model.name!r}, which zoo.create_model did "
                "not build; tiers belong to the models of the zoo"
            )
            raise ValueError(message("regularization", regularization, expected))
        wanted = resolve(regularization, model.name, setting)
        if others := wanted.only("model").on():
            raise ValueError(
                f"Model {model.name!r} was not created by zoo.create_model, so `regularization` "
                f"may only have {', '.join(Regularization.names('training'))}. "
                f"Received also: {', '.join(others)}"
            )
        return wanted
    if regularization is None:
        return blueprint.regularization
    wanted = resolve(regularization, blueprint.name, setting)
    if wanted.only("model") != blueprint.regularization.only("model"):
        raise ValueError(
            f"The model was created with {blueprint.regularization}. Training can change only "
            f"{', '.join(Regularization.names('training'))} of it. Received: {wanted}"
        )
    return wanted


def _warn_of_inner_models(model: keras.Model) -> None:
    """Warn if a nested model of the zoo has training regularization, which is not applied."""
    for layer in model._flatten_layers(include_self=False):
        blueprint = blueprint_of(layer)
        if blueprint and (training := blueprint.regularization.only("training")).on():
            warnings.warn(
                f"{layer.name!r} was created with {training} and is part of model {model.name!r}, "
                "which is trained without it. Pass a `regularization` to zoo.train, or "
                "Regularization() for none.",
                stacklevel=4,
            )


def check_callbacks(callbacks: Any, *, compiled: bool) -> None:
    """Raise an error unless `callbacks` are Keras callbacks.

    Only with a compiled model, they may set the learning rate.
    """
    expected = "a list of keras.callbacks.Callback, or None"
    check_type("callbacks", callbacks, (Sequence, NoneType), expected)
    for callback in callbacks or ():
        check_type("callbacks", callback, keras.callbacks.Callback, expected)
        if compiled:
            continue
        schedulers = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)
        if isinstance(callback, schedulers) or (
            isinstance(callback, Schedule) and callback.attribute == "learning_rate"
        ):
            raise ValueError(
                "`callbacks` must not set the learning rate, which follows a warm-up and a cosine "
                "from `learning_rate` to 0. Leave them out, or compile the model with an "
                f"optimizer of your own. Received: {type(callback).__name__}"
            )


def check_model(model: keras.Model, data: Data) -> None:
    """Raise a `ValueError` unless `model` is built and has the inputs and outputs of the task."""
    task = data.task
    if isinstance(task, Given):
        raise ValueError("`model` must be compiled to train on targets of task 'given'.")
    shape = keras.tree.map_shape_structure(lambda side: (None, *side), data.input_shape)
    expected = shape, (None, task.units)
    received = _input_shape(model, data), getattr(model, "output_shape", None)
    if not model.built or received != expected:
        one_logit = isinstance(task, Classification) and received[1] == (None, 1)
        hint = "; for one output, compile the model with binary_crossentropy" if one_logit else ""
        raise ValueError(
            f"Data {data.name!r} ({task.kind}) needs a built model with input and output shapes "
            f"{expected[0]} and {expected[1]}{hint}. Received: {received[0]} and {received[1]}"
        )
    if isinstance(task, Regression):
        return
    try:
        logits = means_logits(model, task.units, task.kind)
    except ExportError:  # the output may be either
        logits = True
    if not logits:
        raise ValueError(
            f"Model {model.name!r} must return logits: remove the activation from its last layer, "
            "or compile it with a loss of probabilities. Received: a last activation of "
            f"{'softmax' if isinstance(task, Classification) else 'sigmoid'}"
        )


def _input_shape(model: keras.Model, data: Data) -> Any:
    """Return the shape of the input of a model, or the shapes by name if data has several."""
    if not isinstance(data.input_shape, dict) or not getattr(model, "inputs", None):
        return getattr(model, "input_shape", None)
    names = sorted(model.input) if isinstance(model.input, dict) else [t.name for t in model.inputs]
    return {name: tuple(each.shape) for name, each in zip(names, model.inputs, strict=True)}


def check_compiled(
    model: keras.Model, data: Data, regularization: Regularization, learning_rate: float | None
) -> None:
    """Raise a `ValueError` if an argument would need another optimizer or loss than the model's."""
    if learning_rate is not None:
        raise ValueError(
            f"`learning_rate` must be None, since model {model.name!r} is compiled with an "
            f"optimizer of its own. Received: learning_rate={learning_rate}"
        )
    for field in ("weight_decay", "sam_rho"):
        if getattr(regularization, field):
            raise ValueError(
                f"`{field}` must be 0, since model {model.name!r} is compiled with an optimizer of "
                f"its own. Received: {field}={getattr(regularization, field):g}"
            )


def configuration(
    model: keras.Model, data: Data, regularization: Regularization, training: dict[str, Any]
) -> dict[str, Any]:
    """Return everything needed to repeat a training, as JSON values."""
    strengths = regularization.to_dict()
    if blueprint_of(model) is None:  # the rest of the model's regularization is unknown
        strengths = {name: strengths[name] for name in Regularization.names("training")}
    return {
        "model": model_record(model),
        "data": data.to_dict(),
        "regularization": strengths,
        "training": training,
        "parameters": model.count_params(),
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in _PACKAGES},
        "git": _git_state(),
    }


def model_record(model: keras.Model) -> dict[str, Any]:
    """Return the blueprint of a model of the zoo, or a hash of the architecture of another."""
    blueprint = blueprint_of(model)
    return blueprint.to_dict() if blueprint else {"architecture": _digest(model)}


def _git_state() -> dict[str, Any] | None:
    """Return the commit of the current directory and whether files differ, or None."""
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return None if commit is None else {"commit": commit, "dirty": bool(changes)}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _digest(model: keras.Model) -> str:
    """Return a hash of the architecture, independent of the counters in automatic names."""
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
