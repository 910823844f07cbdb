"""The names of the zoo: `register_model`, `create_model`, `list_models`, `preset`."""

import difflib
import numbers
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from types import NoneType
from typing import Any

import keras
from keras.src.backend.common import global_state

from ...core.checks import check_integer, check_type
from ..layers.shared_arguments import check_channels_last
from ..regularization import Regularization
from .architecture import TIERS, Architecture
from .blueprint import Blueprint

_architectures: dict[str, Architecture] = {}


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
    """Create a functional Keras model that returns logits, wired from one `Regularization`.

    Args:
        name: One of `list_models()`, or such as `"applications/ResNet50V2"` for a backbone of
            `keras.applications` with a new head, regularized by `zoo.regularize`.
        input_shape: The shape of one sample: `(features,)`, `(steps, channels)` or `(height, width,
            channels)`, depending on the architecture.
        num_classes: The number of logits, at least 2.
        regularization: A `Regularization`, the name of a tier, or `None` for no regularization.
        seed: The seed of initial weights, dropout and noise. `None` draws one.
        weights: The pretrained weights to start from, or `None`. One of `list_weights(name)`, with
            the input shape and options of the weights; for a model of `keras.applications`:
            `"imagenet"`, which downloads them, or a file of Keras' weights of the backbone.
        **options: The options of the architecture, such as `units` of `mlp`.

    Returns:
        A `keras.Model` from `(batch, *input_shape)` to logits `(batch, num_classes)`. It keeps its
        arguments in `model.blueprint`, which `zoo.train` reads.

    Raises:
        ValueError: If a name, tier, option or weights are unknown, the input shape has the wrong
            rank, or the architecture does not support a field of `regularization`.

    Example:

    >>> from occam import zoo
    >>> model = zoo.create_model("mlp", input_shape=(40, 1), num_classes=10, regularization="light")
    >>> model.output_shape
    (None, 10)
    """
    architecture = get_architecture(name)
    regularization = resolve(regularization, name)
    architecture.check(regularization)
    _check_input_shape(architecture, input_shape)
    check_integer("num_classes", num_classes, minimum=2)
    if unknown := sorted(set(options) - set(architecture.options)):
        raise ValueError(
            f"Model {name!r} has no option {', '.join(unknown)}. "
            f"Its options: {', '.join(architecture.options) or 'none'}"
        )
    check_integer("seed", seed, optional=True)
    check_type("weights", weights, (str, os.PathLike, NoneType), "the name of weights or None")
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
    with _fresh_layer_names():
        return architecture.create(blueprint)


def _check_input_shape(architecture: Architecture, input_shape: Any) -> None:
    name, ranks = architecture.name, architecture.ranks
    sizes = tuple(input_shape) if isinstance(input_shape, Iterable) else (None,)
    positive = all(isinstance(n, numbers.Integral) and n > 0 for n in sizes)
    if len(sizes) not in ranks or not positive:
        raise ValueError(
            f"`input_shape` of model {name!r} must have {' or '.join(map(str, ranks))} positive "
            f"integers (without the batch). Received: input_shape={input_shape}"
        )
    if len(sizes) > 1:
        check_channels_last(f"Model {name!r}")
    if min(sizes[:-1], default=architecture.min_size) < architecture.min_size:
        raise ValueError(
            f"`input_shape` of model {name!r} must have at least {architecture.min_size} steps or "
            f"pixels along each side. Received: input_shape={input_shape}"
        )


@contextmanager
def _fresh_layer_names() -> Iterator[None]:
    """Let Keras number automatic names as in a new process.

    Names such as `dense_1` stand in logs, histories and charts, so runs can be compared by them,
    and a resumed run keeps its names. Afterwards, Keras does not give the same names again.
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


def preset(name: str, tier: str) -> Regularization:
    """Return the `Regularization` of the tier "none", "light", "medium" or "strong" of a model.

    Example:

    >>> preset("mlp", "none")
    Regularization()
    """
    presets = get_architecture(name).presets
    check_type("tier", tier, str, f"the name of a tier ({', '.join(presets)})")
    if tier not in presets:
        raise ValueError(f"Model {name!r} has the tiers {', '.join(presets)}. Received: {tier!r}")
    return presets[tier]


def resolve(regularization: Regularization | str | None, name: str) -> Regularization:
    """Return the object for a `Regularization`, a tier of model `name`, or `None` (all off)."""
    expected = f"an occam.zoo.Regularization, the name of a tier ({', '.join(TIERS)}) or None"
    check_type("regularization", regularization, (Regularization, str, NoneType), expected)
    if isinstance(regularization, str):
        return preset(name, regularization)
    return regularization or Regularization()


def get_architecture(name: str, *, argument: str = "name") -> Architecture:
    """Return the architecture of a model.

    Args:
        name: The name of the model.
        argument: The name of the caller's argument, for error messages.

    Raises:
        ValueError: If there is no such model; the message suggests similar names.
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
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register `build(inputs, num_classes, wiring, **options) -> logits` under a name.

    The function receives a Keras tensor, the number of classes and a `Wiring`. Its keyword-only
    arguments become the options of `create_model(name, ...)`.

    Args:
        name: A new name.
        supports: The supported fields of `Regularization`, among `Regularization.names("model")`.
        presets: A `Regularization` for each of the tiers `"light"`, `"medium"`, `"strong"`.
        ranks: The allowed ranks of the input shape, without the batch.
        reference: Authors, title, year, address.
        min_size: The smallest height and width, or number of steps.

    Raises:
        ValueError: If another function has the name, `supports` has an unknown field, a tier is
            missing, or a preset needs an unsupported field.

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
    if unknown := sorted(set(supports) - set(Regularization.names("model"))):
        raise ValueError(
            f"`supports` of model {name!r} must be among "
            f"{', '.join(Regularization.names('model'))}. Received: {', '.join(unknown)}"
        )
    if missing := [tier for tier in TIERS[1:] if tier not in presets]:
        raise ValueError(f"`presets` of model {name!r} lack the tier {', '.join(missing)}.")

    def register(build: Callable[..., Any]) -> Callable[..., Any]:
        every = {"none": Regularization(), **presets}
        add_architecture(Architecture(name, build, supports, every, ranks, reference, min_size))
        return build

    return register


def add_architecture(architecture: Architecture) -> None:
    """Register an architecture, in place of one whose function has the same qualified name."""
    name, build = architecture.name, architecture.build
    there = _architectures.get(name)
    # A notebook cell defines the same function again when it is run again.
    origins = [(f.__module__, f.__qualname__) for f in (build, there.build if there else build)]
    if origins[0] != origins[1]:
        raise ValueError(f"Model {name!r} is already registered; choose another name.")
    for regularization in architecture.presets.values():
        architecture.check(regularization)
    _architectures[name] = architecture


def unregister_model(name: str) -> None:
    """Remove a model from the registry."""
    get_architecture(name)
    del _architectures[name]
