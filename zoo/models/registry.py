"""The names of the zoo: `register_model`, `create_model`, `list_models`, `preset`."""

import difflib
import numbers
import os
import random
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatch
from types import NoneType
from typing import Any

import keras

from ...core.checks import check_type
from ..layers.shared_arguments import check_channels_last
from ..regularization import Regularization
from .applications import APPLICATIONS, application
from .architecture import TIERS, Architecture
from .blueprint import Blueprint
from .names import numbered_anew

__all__ = [
    "create_model",
    "get_architecture",
    "list_models",
    "preset",
    "register_model",
    "resolve",
    "unregister_model",
]

_architectures: dict[str, Architecture] = {}


def register_model(
    name: str,
    *,
    honours: tuple[str, ...],
    presets: Mapping[str, Regularization],
    ranks: tuple[int, ...],
    reference: str,
    smallest: int = 1,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers `build(inputs, num_classes, wiring, **options) -> logits` under a name.

    The function receives a Keras tensor, the number of classes and a `Wiring`, and returns the
    logits; its keyword-only arguments become the options of `create_model(name, ...)`.

    Args:
        name: the name, not taken yet.
        honours: the fields of `Regularization` that the architecture's layers can honour; those of
            training (`Regularization.names("training")`) need no mention.
        presets: a `Regularization` for each of the tiers `"light"`, `"medium"`, `"strong"`.
        ranks: the ranks that its input shape may have, without the batch.
        reference: authors, title, year, address.
        smallest: the least height and width, or number of steps, that it takes.

    Raises:
        ValueError: another function has the name, `honours` has an unknown field, a tier is
            missing, or a preset asks for what the architecture does not honour.

    Example:

    >>> from occam import zoo
    >>> @zoo.register_model(
    ...     "linear",
    ...     honours=("l1", "l2"),
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
    if unknown := sorted(set(honours) - set(Regularization.names("model"))):
        raise ValueError(
            f"Model {name!r}: honours must be among {', '.join(Regularization.names('model'))}. "
            f"Received: {', '.join(unknown)}"
        )
    if missing := [tier for tier in TIERS[1:] if tier not in presets]:
        raise ValueError(f"Model {name!r}: presets lack the tier {', '.join(missing)}.")

    def register(build: Callable[..., Any]) -> Callable[..., Any]:
        if name in _architectures and _origin(_architectures[name].build) != _origin(build):
            raise ValueError(f"Model {name!r} is registered already; registering needs a new name.")
        every = {"none": Regularization(), **presets}
        architecture = Architecture(name, build, honours, every, ranks, reference, smallest)
        for regularization in presets.values():
            architecture.check(regularization)
        _architectures[name] = architecture
        return build

    return register


def _origin(function: Callable[..., Any]) -> tuple[str, str]:
    """Tells a function that is defined again, in a notebook's cell, from another one."""
    return function.__module__, function.__qualname__


def unregister_model(name: str) -> None:
    """Takes a name off the registry; an unknown one is an error."""
    get_architecture(name)
    del _architectures[name]


def list_models(pattern: str = "*") -> tuple[str, ...]:
    """The names that `create_model` takes, in alphabetical order.

    Args:
        pattern: which of them, as in `fnmatch`. The models of `keras.applications` are listed by
            patterns that begin with their prefix: `"applications/*"`.

    >>> list_models("resnet*")
    ('resnet110', 'resnet1d', 'resnet20', 'resnet32', 'resnet56')
    """
    check_type("pattern", pattern, str, "a pattern of names")
    names = APPLICATIONS if pattern.startswith("applications/") else sorted(_architectures)
    return tuple(name for name in names if fnmatch(name, pattern))


def get_architecture(name: str, *, argument: str = "name") -> Architecture:
    """What is registered under `name`.

    Args:
        name: of the model.
        argument: what the caller calls it, for the error.

    Raises:
        TypeError: `name` is not a string.
        ValueError: nothing is; the message lists the nearest names and all of them.
    """
    check_type(argument, name, str, "the name of a model, one of zoo.list_models()")
    if name in _architectures:
        return _architectures[name]
    if name in APPLICATIONS:
        return application(name)
    near = difflib.get_close_matches(name, (*_architectures, *APPLICATIONS))
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise ValueError(f"No model {name!r}. {hint}Registered: {', '.join(list_models())}")


def preset(name: str, tier: str) -> Regularization:
    """The `Regularization` of one of a model's tiers: none, light, medium or strong.

    Raises:
        ValueError: no such model or tier; the message lists what there is.

    >>> preset("mlp", "none")
    Regularization()
    """
    presets = get_architecture(name).presets
    check_type("tier", tier, str, f"a tier's name ({', '.join(presets)})")
    if tier not in presets:
        raise ValueError(
            f"Model {name!r} has the regularization tiers {', '.join(presets)}. Received: {tier!r}"
        )
    return presets[tier]


def resolve(regularization: Regularization | str | None, name: str) -> Regularization:
    """The object that a `Regularization`, a tier's name of model `name`, or `None` (off) means."""
    if regularization is None:
        return Regularization()
    if isinstance(regularization, Regularization):
        return regularization
    if isinstance(regularization, str):
        return preset(name, regularization)
    raise TypeError(
        f"regularization must be an occam.zoo.Regularization, a tier's name ({', '.join(TIERS)}) "
        f"or None. Received: {regularization!r}"
    )


def create_model(
    name: str,
    *,
    input_shape: tuple[int, ...],
    num_classes: int,
    regularization: Regularization | str | None = None,
    seed: int | None = None,
    weights: str | None = None,
    **options: Any,
) -> keras.Model:
    """Builds a functional Keras model that returns logits, wired from one `Regularization`.

    Args:
        name: one of `list_models()`, or `"applications/ResNet50V2"` and so on for a model of
            `keras.applications`: its backbone, global average pooling and a new head, regularized
            by `zoo.regularize`.
        input_shape: shape of one sample, without the batch: `(features,)`, `(steps, channels)` or
            `(height, width, channels)`, as far as the architecture takes it.
        num_classes: number of logits, at least 2.
        regularization: a `Regularization`, the name of one of the model's tiers, or `None` for
            none.
        seed: makes initial weights, dropped units and noise repeatable; `None` draws one.
        weights: the data set of the weights to begin with, of those that `list_weights(name)` has,
            for the input shape and options that they were made with; for a model of
            `keras.applications` `"imagenet"`, which downloads them, or a file of Keras' weights
            of the backbone; `None` draws new ones.
        **options: the architecture's own, such as `units` of `mlp`.

    Returns:
        A `keras.Model` from `(batch, *input_shape)` to logits `(batch, num_classes)`. It carries
        these arguments as `model.blueprint`, where `zoo.train` finds its part of them.

    Raises:
        ValueError: an unknown name, tier, option or weights, an input shape of another rank, fewer
            than two classes, or a field of `regularization` that the architecture cannot honour.

    >>> from occam import zoo
    >>> model = zoo.create_model("mlp", input_shape=(40, 1), num_classes=10, regularization="light")
    >>> model.output_shape
    (None, 10)
    """
    architecture = get_architecture(name)
    regularization = resolve(regularization, name)
    architecture.check(regularization)
    _check_arguments(architecture, input_shape, num_classes, options)
    check_type("seed", seed, (numbers.Integral, NoneType), "an integer or None")
    check_type("weights", weights, (str, os.PathLike, NoneType), "the name of weights or None")
    if len(tuple(input_shape)) > 1:
        check_channels_last(f"Model {name!r}")
    seed = random.getrandbits(31) if seed is None else seed  # set_random_seed covers `random`
    blueprint = Blueprint(
        name=name,
        input_shape=tuple(map(int, input_shape)),
        num_classes=int(num_classes),
        regularization=regularization,
        seed=seed,
        options={**architecture.options, **options},
        weights=weights,
    )
    with numbered_anew():
        return architecture.create(blueprint)


def _check_arguments(
    architecture: Architecture, input_shape: Any, num_classes: Any, options: dict[str, Any]
) -> None:
    name, ranks = architecture.name, architecture.ranks
    sizes = tuple(input_shape) if isinstance(input_shape, Iterable) else (None,)
    positive = all(isinstance(n, numbers.Integral) and n > 0 for n in sizes)
    if len(sizes) not in ranks or not positive:
        expected = " or ".join(map(str, ranks))
        raise ValueError(
            f"Model {name!r} takes an input_shape of {expected} positive integers (without the "
            f"batch). Received: input_shape={input_shape}"
        )
    if min(sizes[:-1], default=architecture.smallest) < architecture.smallest:
        raise ValueError(
            f"Model {name!r} takes at least {architecture.smallest} steps or pixels along each "
            f"side. Received: input_shape={input_shape}"
        )
    if not isinstance(num_classes, numbers.Integral) or num_classes < 2:
        raise ValueError(f"num_classes must be an integer >= 2. Received: {num_classes!r}")
    if unknown := sorted(set(options) - set(architecture.options)):
        raise ValueError(
            f"Model {name!r} has no option {', '.join(unknown)}. "
            f"Its options: {', '.join(architecture.options) or 'none'}"
        )
