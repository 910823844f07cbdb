"""`Part`: a called layer or a layer inside it, with its config and the weights to penalize."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from ...core.layer_kinds import (
    Kind,
    in_keras_or_occam,
    is_normalization,
    kernel_axes,
    kind_of,
)
from ..layers.penalized import base_of, weights_by_key

ACTIVITY = "activity"

_DROP_RATE = re.compile("(^|_)dropout(_rate|_prob)?$")
_NO_KERNELS = ("bias", "embedding", "token", "position", "gamma", "beta", "scale", "alpha")

Key = tuple[str, str | None]  # an argument of a layer, and the name in it if it is a list


@dataclass(frozen=True, eq=False)
class Part:
    """A called layer or a layer inside it, with its config.

    Penalties are written into the config, so a saved model has the same penalties as the model in
    memory. A slot is the name of a weight that can be penalized, as in `<slot>_regularizer`:
    `kernel`, `bias`, `recurrent`. `inside` has the key (see `Penalized`) and the weight of each
    slot without an argument in a config.
    """

    layer: Any  # of the original model
    paths: tuple[str, ...]  # more than one if the layer is shared
    config: dict[str, Any]  # for editing
    owner: Any  # the called layer, this one or the one that contains it
    keys: tuple[Key, ...] = ()  # the place of the layer in its owner
    around: tuple[tuple[Any, tuple[str, ...]], ...] = ()  # models and layers, the outermost first
    inside: Mapping[str, tuple[str, Any]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The first of the paths."""
        return self.paths[0]

    @property
    def slots(self) -> tuple[str, ...]:
        """The weights that can be penalized."""
        ending = "_regularizer"
        return tuple(self.inside) or tuple(
            name.removesuffix(ending)
            for name, value in self.config.items()
            if name.endswith(ending)
            and name != ACTIVITY + ending
            and not isinstance(value, int | float)
        )

    def same_in(self, owner: Any) -> Any:
        """Return the layer at the same place in `owner`, a copy of this part's owner."""
        for argument, name in self.keys:
            owner = _held(owner, argument, name)
        return owner

    def weight(self, slot: str) -> Any:
        """Return the variable of a slot, or `None` if it is unknown."""
        if slot in self.inside:
            return self.inside[slot][1]
        holder = getattr(self.layer, "cell", self.layer)
        for name in (f"{slot}_kernel", slot, "kernel" if slot == "depthwise" else ""):
            weight = getattr(holder, name, None) if name else None
            if hasattr(weight, "shape"):
                return weight
        return None

    def is_scale(self, slot: str) -> bool:
        """Return whether a weight is the scale or the offset of a normalization."""
        return is_normalization(self.layer) or slot in ("gamma", "beta")

    def is_kernel(self, slot: str) -> bool:
        """Return whether a weight connects units, unlike a bias, scale, slope or embedding."""
        if slot not in self.inside:
            others = slot in ("embeddings", "alpha")
            return not (others or is_bias(slot) or self.is_scale(slot))
        weight = self.weight(slot)
        if is_normalization(self.layer) or kind_of(self.layer) is Kind.EMBEDDING:
            return False
        if "kernel" in weight.name:
            return len(weight.shape) > 1
        named_otherwise = any(word in weight.name for word in _NO_KERNELS)
        return not named_otherwise and sum(size > 1 for size in weight.shape) > 1

    def input_axes(self, slot: str) -> tuple[int, ...] | None:
        """Return the axes of a kernel that lead into one unit, or `None` if unknown."""
        weight = self.weight(slot)
        if weight is None or not self.is_kernel(slot):
            return None
        rank = len(weight.shape)
        axes = kernel_axes(self.layer, slot, rank)
        if axes is None:
            return None
        return tuple(axis for axis in range(rank) if axis not in axes.units) or None

    def drop_rates(self) -> list[str]:
        """Return the names of the drop rates in the config of a user-defined layer."""
        if is_known(self.layer):
            return []
        return [name for name, value in self.config.items() if is_drop_rate(name, value)]


def is_bias(slot: str) -> bool:
    """Return whether a weight is a bias, by its name."""
    return "bias" in slot


def is_known(layer: Any) -> bool:
    """Return whether Keras or Occam defines a layer."""
    return in_keras_or_occam(base_of(type(layer)).__module__)


def is_drop_rate(name: str, value: Any) -> bool:
    """Return whether an argument or attribute is a drop rate."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and _DROP_RATE.search(name) is not None


def parts_of(part: Part) -> Iterator[Part]:
    """Yield a part, and the layers in its config at any depth."""
    yield part
    for argument, value in part.config.items():
        several = isinstance(value, list | tuple)
        for described in value if several else [value]:
            is_object = isinstance(described, dict) and "class_name" in described
            if not is_object or not isinstance(described["config"], dict):
                continue
            key = (argument, described["config"].get("name") if several else None)
            if (held := _held(part.layer, *key)) is None:
                continue
            paths = tuple(f"{path}/{held.name}" for path in part.paths)
            keys, around = (*part.keys, key), (*part.around, (part.layer, part.paths))
            yield from parts_of(Part(held, paths, described["config"], part.owner, keys, around))


def _held(layer: Any, argument: str, name: str | None) -> Any:
    """Return a layer that is an attribute of another or in a list there, or `None`."""
    if isinstance(layer, keras.layers.Bidirectional) and argument == "layer":
        argument = "forward_layer"
    found = getattr(layer, argument, None)
    if name is not None:
        several = found if isinstance(found, list | tuple) else ()
        found = next((one for one in several if getattr(one, "name", None) == name), None)
    return found if isinstance(found, keras.layers.Layer) else None


def parts_inside(whole: Part, covered: set[int]) -> Iterator[Part]:
    """Yield the layers of a called layer `whole` whose weights have no argument in a constructor.

    `covered` are the identities of the weights that have one.
    """
    inside: dict[int, tuple[Any, tuple[str, ...], dict[str, Any]]] = {}
    for key, (layer, weight) in weights_by_key(whole.layer).items():
        if id(weight) in covered or not any(weight is w for w in layer._trainable_variables):
            continue
        names = _names_down_to(whole.layer, layer)
        depthwise = "Depthwise" in type(layer).__name__ and weight.name == "kernel"
        slot = "depthwise" if depthwise else weight.name.removesuffix("_kernel")
        inside.setdefault(id(layer), (layer, names, {}))[2][slot] = key, weight
    for layer, names, keys in inside.values():
        paths = tuple("/".join((path, *names)) for path in whole.paths)
        around = (*whole.around, (whole.layer, whole.paths)) if names else whole.around
        yield Part(layer, paths, {}, whole.layer, (), around, keys)


def _names_down_to(layer: Any, wanted: Any) -> tuple[str, ...]:
    """Return the names of the inner layers from below `layer` down to `wanted`."""
    for inner in layer._flatten_layers(include_self=False, recursive=False):
        if inner is wanted:
            return (inner.name,)
        if names := _names_down_to(inner, wanted):
            return (inner.name, *names)
    return ()
