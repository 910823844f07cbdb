"""`Part`: a layer, or a layer inside of one, with the place of its config."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from ..layers.penalized import base_of, weights_by_key

__all__ = [
    "ACTIVITY",
    "Part",
    "is_drop_rate",
    "is_known",
    "is_normalization",
    "parts_inside",
    "parts_of",
    "rates_inside",
    "slots",
]

ACTIVITY = "activity"

_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
    keras.layers.UnitNormalization,
)

_DROP_RATE = re.compile("(^|_)dropout(_rate|_prob)?$")

Key = tuple[str, str | None]  # an argument of a layer, and the name in it if it is a list


@dataclass(frozen=True, eq=False)
class Part:
    """A layer that a config describes: one that is called, or one that such a layer holds.

    A penalty is given to a layer through its config and not afterwards, so that what is in memory
    and what is saved are the same by construction.

    Args:
        layer: the layer of the original model.
        paths: of the layer; several if it is shared.
        config: its config, to be edited.
        owner: the layer that is called, which holds this one; itself for a layer that is called.
        keys: where it lies in its owner.
        around: what it lies in, from the outermost: models and layers, each with its paths.
        inside: keys and weights, by name, that no config has an argument for; see `Penalized`.
    """

    layer: Any
    paths: tuple[str, ...]
    config: dict[str, Any]
    owner: Any
    keys: tuple[Key, ...] = ()
    around: tuple[tuple[Any, tuple[str, ...]], ...] = ()
    inside: Mapping[str, tuple[str, Any]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The first of the paths."""
        return self.paths[0]

    @property
    def slots(self) -> tuple[str, ...]:
        """What can be penalized: `kernel`, `bias`, `recurrent`, ..."""
        return tuple(self.inside) or slots(self.config)

    def same_in(self, owner: Any) -> Any:
        """The layer that lies in `owner`, a copy of this part's, where this one lies."""
        for argument, name in self.keys:
            owner = _held(owner, argument, name)
        return owner


def slots(config: dict[str, Any]) -> tuple[str, ...]:
    """The arguments `<slot>_regularizer` of a config that hold a regularizer or none."""
    ending = "_regularizer"
    return tuple(
        name.removesuffix(ending)
        for name, value in config.items()
        if name.endswith(ending)
        and name != ACTIVITY + ending
        and not isinstance(value, int | float)
    )


def parts_of(
    layer: Any,
    paths: tuple[str, ...],
    config: dict[str, Any],
    around: tuple[tuple[Any, tuple[str, ...]], ...] = (),
) -> Iterator[Part]:
    """A layer that is called, and all layers that its config describes."""
    yield from _visit(Part(layer, paths, config, layer, (), around))


def parts_inside(whole: Part, covered: set[int]) -> Iterator[Part]:
    """The layers inside of one that is called, with the weights that no config speaks of.

    Args:
        whole: the layer that is called.
        covered: the identities of weights that an argument of a constructor stands for.
    """
    inside: dict[int, tuple[Any, tuple[str, ...], dict[str, Any]]] = {}
    for key, (layer, weight) in weights_by_key(whole.layer).items():
        if id(weight) in covered or not any(weight is w for w in layer._trainable_variables):
            continue
        found = inside.setdefault(id(layer), (layer, _names_down_to(whole.layer, layer), {}))
        found[2][_slot(layer, weight)] = key, weight
    for layer, names, keys in inside.values():
        ways = tuple("/".join((path, *names)) for path in whole.paths)
        around = (*whole.around, (whole.layer, whole.paths)) if names else whole.around
        yield Part(layer, ways, {}, whole.layer, (), around, keys)


def _names_down_to(layer: Any, wanted: Any) -> tuple[str, ...]:
    """The names of the layers in `layer` down to one inside of it."""
    for inner in layer._flatten_layers(include_self=False, recursive=False):
        if inner is wanted:
            return (inner.name,)
        if names := _names_down_to(inner, wanted):
            return (inner.name, *names)
    return ()


def _slot(layer: Any, weight: Any) -> str:
    if "Depthwise" in type(layer).__name__ and weight.name == "kernel":
        return "depthwise"
    return weight.name.removesuffix("_kernel")


def _visit(part: Part) -> Iterator[Part]:
    yield part
    for argument, value in part.config.items():
        several = isinstance(value, list | tuple)
        for described in value if several else [value]:
            if not _describes_layer(described):
                continue
            key = (argument, described["config"].get("name") if several else None)
            if (held := _held(part.layer, *key)) is None:
                continue
            yield from _visit(
                Part(
                    held,
                    tuple(f"{path}/{held.name}" for path in part.paths),
                    described["config"],
                    part.owner,
                    (*part.keys, key),
                    (*part.around, (part.layer, part.paths)),
                )
            )


def _describes_layer(value: Any) -> bool:
    return isinstance(value, dict) and "class_name" in value and isinstance(value["config"], dict)


def _held(layer: Any, argument: str, name: str | None) -> Any:
    """The layer that another holds under the name of its argument, `None` if it does not."""
    if isinstance(layer, keras.layers.Bidirectional) and argument == "layer":
        argument = "forward_layer"
    found = getattr(layer, argument, None)
    if name is not None:
        several = found if isinstance(found, list | tuple) else ()
        found = next((one for one in several if getattr(one, "name", None) == name), None)
    return found if isinstance(found, keras.layers.Layer) else None


def rates_inside(part: Part) -> list[str]:
    """The drop rates among the arguments of a layer that is made of others and is not of Keras."""
    if is_known(part.layer):
        return []
    return [name for name, value in part.config.items() if is_drop_rate(name, value)]


def is_known(layer: Any) -> bool:
    """Whether a layer is one of Keras or ours, which have rules of their own."""
    return base_of(type(layer)).__module__.split(".")[0] in ("keras", "occam")


def is_drop_rate(name: str, value: Any) -> bool:
    """Whether an argument or an attribute says how much is dropped."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and _DROP_RATE.search(name) is not None


def is_normalization(layer: Any) -> bool:
    """Whether the weights of a layer are the scales and offsets of a normalization."""
    return isinstance(layer, _NORMALIZATIONS)
