"""`choose_head`: the task of a model, from its loss, its last activation or the user."""

import re
from collections import Counter
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ...core.checks import check_bool, check_number, check_one_of, message
from ...core.compiled_loss import OTHER, compiled_losses, compiled_task, task_of_loss
from ...core.model_graph import call_of
from ..errors import ExportError
from .activation import describe_last, last_activation, means_logits
from .classification import ClassificationHead
from .head import Head
from .multilabel import MultilabelHead
from .outputs import OutputsHead
from .regression import RegressionHead

TASKS = ("classification", "multilabel", "regression", "outputs")
_OF_CLASSES = ("classification", "multilabel")
# Losses that fit no task but take probabilities, or logits with from_logits=True.
_MASKS = (keras.losses.dice, keras.losses.tversky)


@dataclass(frozen=True)
class Told:
    """The arguments of `export` that tell what the outputs of a model mean."""

    task: str | None = None
    from_logits: bool | None = None
    class_names: Sequence[str] | None = None
    target_names: Sequence[str] | None = None
    temperature: float = 1.0
    thresholds: Sequence[float] | None = None
    intervals: Any = None
    prediction_sets: Any = None

    def __post_init__(self):
        if self.task is not None:
            check_one_of("task", self.task, TASKS)
        check_bool("from_logits", self.from_logits, optional=True)
        check_number("temperature", self.temperature, "(0, inf)")

    def check_task(self, task: str) -> None:
        """Raise a `ValueError` for an argument that the task of the model does not have."""
        of_task = {
            "from_logits": _OF_CLASSES,
            "class_names": _OF_CLASSES,
            "thresholds": ("multilabel",),
            "target_names": ("regression",),
            "intervals": ("regression",),
            "prediction_sets": ("classification",),
        }
        for name, tasks in of_task.items():
            if getattr(self, name) is not None and task not in tasks:
                expected = f"None for the task {task!r}, only for {' and '.join(tasks)}"
                raise ValueError(message(name, getattr(self, name), expected))
        if self.temperature != 1.0 and task != "classification":
            expected = f"1.0 for the task {task!r}, since only classification has a temperature"
            raise ValueError(message("temperature", self.temperature, expected))


def choose_head(model: keras.Model, outputs: Any, told: Told) -> Head:
    """Return the head of a model with the symbolic `outputs`.

    Raises:
        ExportError: If the model could mean two things, or contradicts what is told.
        ValueError: If an argument does not fit the task.
    """
    units = units_of(outputs)
    if units is None:
        if told.task not in (None, "outputs"):
            received = keras.tree.map_structure(lambda tensor: tensor.shape, outputs)
            raise ExportError(
                f"`model` must have one output of shape (batch, units) for the task {told.task!r}. "
                f"Received: {model.name!r} with the output {received}"
            )
        task = "outputs"
    else:
        task = told.task or _task(model, units, told)
    told.check_task(task)
    if task == "outputs" or units is None:
        return OutputsHead(output_names(outputs))
    _check_loss(model, units, task)
    if task == "regression":
        default = ["target"] if units == 1 else [f"target_{k}" for k in range(units)]
        return RegressionHead(_names("target_names", told.target_names, default))
    given = told.from_logits
    from_logits = means_logits(model, units, task) if given is None else given
    _check_from_logits(model, units, from_logits, given)
    count = max(units, 2) if task == "classification" else units
    names = _names("class_names", told.class_names, [*map(str, range(count))])
    if task == "multilabel":
        return MultilabelHead(names, from_logits, _thresholds(told.thresholds, units))
    return ClassificationHead(names, from_logits, float(told.temperature))


def output_names(outputs: Any) -> tuple[str, ...]:
    """Return the name of each output: its dict key, or the name that its layer was given.

    A single output without a name is called `outputs`; among several, it is `outputs_<position>`.
    """
    leaves = keras.tree.flatten_with_path(outputs)
    names = []
    for position, (path, tensor) in enumerate(leaves):
        words = [part for part in path if isinstance(part, str)]
        names.append(
            "_".join(map(str, path))
            if words
            else _given_name(tensor) or ("outputs" if len(leaves) == 1 else f"outputs_{position}")
        )
    if wrong := [name for name in names if not re.fullmatch(r"\w+", name, re.A)]:
        raise ExportError(
            "`model` must have output names of ASCII letters, digits and underscores. "
            f"Received: {wrong}. Wrap the model: `keras.Model(x, {{'name': model(x)}})`"
        )
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        names = [f"{n}_{i}" if n in twice else n for i, n in enumerate(names)]
    if scalar := [n for n, (_, t) in zip(names, leaves, strict=True) if not len(t.shape)]:
        raise ExportError(
            f"`model` must have outputs whose first axis is the batch. Received: numbers {scalar}"
        )
    return tuple(names)


def _given_name(tensor: Any) -> str | None:
    """Return the name of the layer that made an output, unless Keras numbered it."""
    if not hasattr(tensor, "_keras_history"):
        return None
    operation = call_of(tensor).operation
    plain = re.sub(r"_\d+$", "", operation.name).replace("_", "")  # Keras: global_pooling_2
    generated = type(operation).__name__.replace("_", "").lower()  # GlobalPooling
    return None if plain == generated else operation.name


def units_of(outputs: Any) -> int | None:
    """Return the size of the last axis of a single output `(batch, units)`, else None."""
    shape = getattr(outputs, "shape", None)
    return shape[-1] if shape is not None and len(shape) == 2 else None


def _task(model: keras.Model, units: int, told: Told) -> str:
    """Return the one task that loss, activation and arguments tell, or raise."""
    activation = last_activation(model)
    found: dict[str, str] = {}
    if (compiled := compiled_task(model, units)) is not None:
        found[f"the compiled loss {_loss_names(model)}"] = compiled
    if activation == "sigmoid":
        found["the activation sigmoid"] = "multilabel" if units > 1 else "classification"
    if activation == "softmax" and units > 1:
        found["the activation softmax"] = "classification"
    if told.target_names is not None or told.intervals is not None:
        found["`target_names` or `intervals`"] = "regression"
    if told.thresholds is not None:
        found["`thresholds`"] = "multilabel"
    if told.prediction_sets is not None:
        found["`prediction_sets`"] = "classification"
    if not set(_OF_CLASSES) & set(found.values()):
        if told.from_logits is not None:
            found["`from_logits`"] = "classification"
        elif told.class_names is not None and units > 1:
            found["`class_names`"] = "classification"
    why = _other_loss(model, units)
    if len(set(found.values())) == 1 and why is None:
        return next(iter(found.values()))
    if why is None:
        why = "; ".join(f"{source} means {task}" for source, task in found.items())
    if not why:
        loss = f"compiled with {_loss_names(model)}" if _loss_names(model) else "not compiled"
        why = f"{loss}, ending in {describe_last(model)}"
    classes = "the logit of the second of two classes" if units == 1 else "the logits of classes"
    raise ExportError(
        f"`task` must be one of {', '.join(map(repr, TASKS))}, since the outputs could mean more "
        f"than one of them. Received: task=None and {model.name!r} with {units} unit(s), {why}. "
        f"Pass task='classification' for {classes}, 'multilabel' for independent labels, "
        "'regression' for values, or 'outputs' for the numbers as they are; or compile the model "
        "with the loss it was trained with, which changes no weight"
    )


def _loss_names(model: keras.Model) -> str:
    return ", ".join(_loss_name(loss.function) for loss in compiled_losses(model))


def _loss_name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _other_loss(model: keras.Model, units: int) -> str | None:
    """Describe a compiled loss of Keras that fits none of the tasks."""
    for function, _ in compiled_losses(model):
        name = _loss_name(function)
        if getattr(function, "__hash__", None) is not None and function in OTHER:
            return f"compiled with {name}, {OTHER[function]}"
        if units == 1 and task_of_loss(function, 1) is None and task_of_loss(function, 2):
            return f"compiled with {name}, a loss that is constant for a single output"
    return None


def _check_loss(model: keras.Model, units: int, task: str) -> None:
    """Raise an `ExportError` if a compiled loss of Keras contradicts the task that is told."""
    expected = "softmax" if task == "classification" and units > 1 else "sigmoid"
    agrees = task in _OF_CLASSES and last_activation(model) == expected
    compiled = compiled_task(model, units)
    why = _other_loss(model, units) if task in _OF_CLASSES else None
    if compiled not in (None, task):
        why = f"compiled with {_loss_names(model)}, a loss for {compiled}"
    if why is not None and not agrees:
        raise ExportError(
            f"`task` must fit the loss of the model. Received: task={task!r} and {model.name!r}, "
            f"{why}. If the task is right, compile the model with a loss for it; that changes no "
            "weight"
        )


def _check_from_logits(
    model: keras.Model, units: int, from_logits: bool, given: bool | None
) -> None:
    """Raise an `ExportError` if the compiled loss contradicts `from_logits`.

    `given` is the argument of the user; if it is None, the last activation decides.
    """
    for function, takes_logits in compiled_losses(model):
        masks = getattr(function, "__hash__", None) is not None and function in _MASKS
        if not (masks or task_of_loss(function, units) in _OF_CLASSES):
            continue
        if takes_logits == from_logits:
            continue
        taken = "logits" if takes_logits else "probabilities"
        served = "logits" if from_logits else "probabilities"
        source = "the last activation gives"
        if given is not None:
            source = f"from_logits={given} means"
            advice = f"Pass from_logits={takes_logits}, or compile it with its training loss"
        elif takes_logits:
            advice = (
                "Compile it with from_logits=False: Keras' losses on TensorFlow look behind the "
                "activation; on other backends train it again"
            )
        else:
            advice = "End the model with a softmax or sigmoid, or train with from_logits=True"
        raise ExportError(
            f"`model` must return {taken}, as its compiled loss takes them. Received: "
            f"{model.name!r}, compiled with {_loss_name(function)}(from_logits={takes_logits}), "
            f"while {source} {served}. {advice}"
        )


def _names(argument: str, names: Sequence[str] | None, default: list[str]) -> tuple[str, ...]:
    if names is None:
        return tuple(default)
    if isinstance(names, str) or not isinstance(names, Sized) or len(names) != len(default):
        expected = f"a list of {len(default)} name{'s' * (len(default) > 1)}"
        raise ValueError(message(argument, names, expected))
    given = tuple(map(str, names))
    if twice := [name for name, times in Counter(given).items() if times > 1]:
        raise ValueError(f"`{argument}` must differ. Received: {twice} more than once")
    return given


def _thresholds(thresholds: Sequence[float] | None, units: int) -> tuple[float, ...]:
    if thresholds is None:
        return ()
    try:
        array = np.asarray(thresholds, "float64")
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if array.shape != (units,) or not ((array >= 0) & (array < 1)).all():
        raise ValueError(message("thresholds", thresholds, f"{units} numbers in [0, 1)"))
    return tuple(array.tolist())
