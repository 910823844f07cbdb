"""The names of the zoo: `register_model`, `create_model`, `list_models`, `preset`."""

import dataclasses
import difflib
import numbers
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from types import NoneType
from typing import TYPE_CHECKING, Any

import keras
from keras.src.backend.common import global_state

from ...core.checks import check_integer, check_type, message
from ..layers.shared_arguments import check_channels_last
from ..regularization import Regularization
from ..tasks import Classification, Given, Task
from .architecture import TIERS, Architecture, Setting
from .blueprint import Blueprint

if TYPE_CHECKING:
    from ..data import Data

_architectures: dict[str, Architecture] = {}


def create_model(
    name: str,
    *,
    data: "Data | None" = None,
    input_shape: tuple[int, ...] | None = None,
    num_classes: int | None = None,
    task: Task | None = None,
    regularization: Regularization | str | None = None,
    seed: int | None = None,
    weights: str | None = None,
    **options: Any,
) -> keras.Model:
    """Create a functional Keras model for a task, wired from one `Regularization`.

    Inputs and outputs are those of `data`, or of `input_shape` and `num_classes` or `task`.

    Args:
        name: One of `list_models()`, or for example `"applications/ResNet50V2"` for a backbone of
            `keras.applications` with a new head, regularized by `zoo.regularize`.
        data: The data to create the model for, from `zoo.load_data`.
        input_shape: The shape of one sample: `(features,)`, `(steps, channels)` or `(height, width,
            channels)`, depending on the architecture.
        num_classes: The number of classes of a classification, at least 2.
        task: A `zoo.Task`, in place of `num_classes`.
        regularization: A `Regularization`, the name of a tier, or `None` for no regularization.
            "auto" chooses among the tiers by `zoo.choose_regularization`, which takes as long as
            two trainings on `data` of the default length. For another length, or to resume after
            the program was killed, call it yourself and pass its `regularization`.
        seed: The seed of initial weights, dropout and noise. `None` draws one.
        weights: The data set of pretrained weights in `list_weights(name)`, or `None`. They need
            their input shape and options. For a model of `keras.applications`, `"imagenet"`, which
            downloads weights, or the path of Keras' weights of the backbone.
        **options: The options of the architecture, such as `units` of `mlp`.

    Returns:
        A `keras.Model` from `(batch, *input_shape)` to logits `(batch, classes)` or, for a
        regression, values in the units of the targets `(batch, targets)`. Its `model.blueprint` has
        the arguments, for `zoo.train`.

    Raises:
        ValueError: If the name, tier, an option or the weights are unknown, the input shape has the
            wrong rank, or the architecture does not support a field of `regularization`.

    Example:

    >>> from occam import zoo
    >>> model = zoo.create_model("mlp", input_shape=(40, 1), num_classes=10, regularization="light")
    >>> model.output_shape
    (None, 10)
    """
    architecture = get_architecture(name)
    input_shape, task = _inputs_and_task(data, input_shape, num_classes, task)
    if data is not None and data.vocabulary_size:
        if "vocabulary" not in architecture.options:
            takers = [n for n, a in _architectures.items() if "vocabulary" in a.options]
            raise ValueError(
                f"Model {name!r} takes no texts. For data {data.name!r}, use {' or '.join(takers)}."
            )
        options.setdefault("vocabulary", data.vocabulary_size)
    text = options.get("vocabulary") is not None
    check_integer("seed", seed, optional=True)
    seed = random.getrandbits(31) if seed is None else seed  # set_random_seed covers `random`
    if isinstance(regularization, str) and regularization == "auto":
        if data is None:
            raise ValueError("`data` must be given for regularization='auto', which trains on it.")
        from ... import zoo  # whose training creates models here

        race = zoo.choose_regularization(name, data, seed=seed, weights=weights, **options)
        regularization = race.regularization
    setting = Setting(task.kind, text) if data is None else Setting.of(data)
    regularization = resolve(regularization, name, setting)
    architecture.check(regularization)
    _check_input_shape(architecture, input_shape)
    if unknown := sorted(set(options) - set(architecture.options)):
        raise ValueError(
            f"Model {name!r} has no option {', '.join(unknown)}. "
            f"Its options: {', '.join(architecture.options) or 'none'}"
        )
    check_type("weights", weights, (str, os.PathLike, NoneType), "the name of weights or None")
    blueprint = Blueprint(
        name=name,
        input_shape=tuple(map(int, input_shape)),
        task=task,
        regularization=regularization,
        seed=seed,
        options={**architecture.options, **options},
        weights=weights,
    )
    with _fresh_layer_names():
        return architecture.create(blueprint)


def _inputs_and_task(
    data: "Data | None", input_shape: Any, num_classes: int | None, task: Task | None
) -> tuple[Any, Task]:
    """Return the input shape and the task, from `data` or from the explicit arguments."""
    explicit = {"input_shape": input_shape, "num_classes": num_classes, "task": task}
    given = [name for name, value in explicit.items() if value is not None]
    if data is not None:
        from ..data import Data  # which imports TensorFlow Datasets

        check_type("data", data, Data, Data.EXPECTED)
        if given:
            raise ValueError(
                f"`{given[0]}` must be None if `data` is given, which has it. "
                f"Received: {given[0]}={explicit[given[0]]!r}"
            )
        if isinstance(data.task, Given):
            raise ValueError("`data` must have a task, not targets of task 'given'.")
        return data.input_shape, data.task
    if task is None:
        check_integer("num_classes", num_classes, minimum=2)
        return input_shape, Classification(tuple(map(str, range(num_classes or 0))))
    check_type("task", task, Task, "a zoo.Task, such as that of zoo.load_data")
    if num_classes not in (None, task.units):
        raise ValueError(message("num_classes", num_classes, f"{task.units}, as `task` has"))
    return input_shape, task


def _check_input_shape(architecture: Architecture, input_shape: Any) -> None:
    name, ranks, min_size = architecture.name, architecture.ranks, architecture.min_size
    sizes = tuple(input_shape) if isinstance(input_shape, Iterable) else (None,)
    positive = all(isinstance(n, numbers.Integral) and n > 0 for n in sizes)
    if len(sizes) not in ranks or not positive:
        integers = f"{' or '.join(map(str, ranks))} positive integers"
        expected = f"{integers}, without the batch, for model {name!r}"
        raise ValueError(message("input_shape", input_shape, expected))
    if len(sizes) > 1:
        check_channels_last(f"Model {name!r}")
    if min(sizes[:-1], default=min_size) < min_size:
        expected = f"at least {min_size} steps or pixels along each side for model {name!r}"
        raise ValueError(message("input_shape", input_shape, expected))


@contextmanager
def _fresh_layer_names() -> Iterator[None]:
    """Let Keras number automatic names as in a new process.

    So names such as `dense_1` in logs, histories and charts are the same in each run, also in a
    resumed one. Afterwards, Keras does not use the same names again.
    """
    counters = "object_name_uids"  # Keras 3.15: the number of uses of each automatic name
    outside = global_state.get_global_attribute(counters) or {}
    inside: defaultdict[str, int] = defaultdict(int)
    global_state.set_global_attribute(counters, inside)
    try:
        yield
    finally:
        names = {*outside, *inside}
        largest = {name: max(outside.get(name, 0), inside.get(name, 0)) for name in names}
        global_state.set_global_attribute(counters, defaultdict(int, largest))


def list_models(pattern: str = "*") -> tuple[str, ...]:
    """Return the names for `create_model`, in alphabetical order.

    Args:
        pattern: A pattern as in `fnmatch`; `"applications/*"` for the models of
            `keras.applications`.

    Example:

    >>> list_models("resnet*")
    ('resnet110', 'resnet1d', 'resnet20', 'resnet32', 'resnet56')
    """
    check_type("pattern", pattern, str, "a pattern of names")
    names = (name for name in sorted(_architectures) if ("/" in name) == ("/" in pattern))
    return tuple(name for name in names if fnmatch(name, pattern))


def preset(
    name: str,
    tier: str,
    task: str = "classification",
    *,
    text: bool = False,
    scarce: bool = False,
    data: "Data | None" = None,
) -> Regularization:
    """Return the `Regularization` of the tier "none", "light", "medium" or "strong" of a model.

    Args:
        name: One of `list_models()`.
        tier: The name of the tier.
        task: The kind of the task. Some models have other presets for "regression"; those of the
            others are the same without label smoothing.
        text: Whether the data is a text, which is neither augmented nor mixed.
        scarce: Whether there are fewer than 100 training samples per class, or fewer than 1,000 in
            all of a regression. Some models have other presets for them.
        data: The data, in place of `task`, `text` and `scarce`.

    Example:

    >>> preset("mlp", "none")
    Regularization()
    """
    setting = Setting(task, text, scarce) if data is None else Setting.of(data)
    presets = get_architecture(name).presets_for(setting)
    expected = f"one of the tiers {', '.join(presets)}"
    check_type("tier", tier, str, expected)
    if tier not in presets:
        raise ValueError(message("tier", tier, expected))
    return presets[tier]


def resolve(
    regularization: Regularization | str | None,
    name: str,
    setting: Setting,
    *,
    argument: str = "regularization",
) -> Regularization:
    """Return the `Regularization` of a tier of model `name`; `None` is all off.

    `argument` is the name of the caller's argument, for error messages.
    """
    expected = f"an occam.zoo.Regularization, the name of a tier ({', '.join(TIERS)}) or None"
    check_type(argument, regularization, (Regularization, str, NoneType), expected)
    if isinstance(regularization, str):
        if regularization not in TIERS:
            raise ValueError(message(argument, regularization, expected))
        return preset(name, regularization, **dataclasses.asdict(setting))
    return regularization or Regularization()


def get_architecture(name: str, *, argument: str = "name") -> Architecture:
    """Return the architecture of a model, or raise a `ValueError` with similar names.

    `argument` is the name of the caller's argument, for error messages.
    """
    check_type(argument, name, str, "the name of a model, one of zoo.list_models()")
    if name in _architectures:
        return _architectures[name]
    near = difflib.get_close_matches(name, _architectures)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise ValueError(f"No model {name!r}. {hint}Registered: {', '.join(list_models())}")


def register_model(
    name: str,
    *,
    supports: tuple[str, ...],
    presets: Mapping[str, Regularization],
    ranks: tuple[int, ...],
    reference: str,
    min_size: int = 1,
    other_presets: Mapping[str, Mapping[str, Regularization]] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register `build(inputs, num_classes, wiring, **options) -> logits` under a name.

    The function receives a Keras tensor, the number of classes and a `Wiring`. Its keyword-only
    arguments become the options of `create_model(name, ...)`. An ensemble returns the logits of its
    members, `(batch, members, classes)`: the model is trained by the mean of their losses and
    returns their mean prediction.

    Args:
        name: A new name.
        supports: The supported fields of `Regularization`, among `Regularization.names("model")`.
        presets: A `Regularization` for each of the tiers `"light"`, `"medium"`, `"strong"`.
        ranks: The allowed ranks of the input shape, without the batch.
        reference: Authors, title, year, address.
        min_size: The smallest height and width, or number of steps.
        other_presets: The tiers that differ for "scarce" data (fewer than 100 training samples per
            class), for a "regression", and for a "scarce regression" (fewer than 1,000 training
            samples); a later one of these replaces an earlier one. No regression has label
            smoothing.

    Raises:
        ValueError: If the name is taken, `supports` has an unknown field, a tier is missing, or a
            preset uses an unsupported field.

    Example:

    >>> from occam import zoo
    >>> @zoo.register_model(
    ...     "linear",
    ...     supports=("l1", "l2"),
    ...     presets={tier: zoo.Regularization(l2=1e-3) for tier in ("light", "medium", "strong")},
    ...     ranks=(1,),
    ...     reference="Cox, The Regression Analysis of Binary Sequences, 1958",
    ... )
    ... def linear(inputs, num_classes, wiring):
    ...     return wiring.head(inputs, num_classes)
    >>> zoo.create_model("linear", input_shape=(4,), num_classes=3).count_params()
    15
    >>> zoo.unregister_model("linear")
    """
    fields = Regularization.names("model")
    if not set(supports) <= set(fields):
        raise ValueError(message("supports", supports, f"made of the fields {', '.join(fields)}"))
    if not set(TIERS[1:]) <= set(presets):
        expected = f"a mapping of the tiers {', '.join(TIERS[1:])}"
        raise ValueError(message("presets", dict(presets), expected))

    def register(build: Callable[..., Any]) -> Callable[..., Any]:
        every = {"none": Regularization(), **presets}
        others = other_presets or {}
        add_architecture(
            Architecture(name, build, supports, every, ranks, reference, min_size, others)
        )
        return build

    return register


def add_architecture(architecture: Architecture) -> None:
    """Register an architecture; a function of the same qualified name replaces its former self."""
    name, build = architecture.name, architecture.build
    former = _architectures[name].build if name in _architectures else build
    # A notebook cell defines the same function again when it runs again.
    if (build.__module__, build.__qualname__) != (former.__module__, former.__qualname__):
        raise ValueError(f"Model {name!r} is already registered: choose another name.")
    for presets in (architecture.presets, *architecture.other_presets.values()):
        for regularization in presets.values():
            architecture.check(regularization)
    _architectures[name] = architecture


def unregister_model(name: str) -> None:
    """Remove a model from the registry."""
    get_architecture(name)
    del _architectures[name]
