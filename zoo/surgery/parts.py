"""`Part`: a layer, or a layer inside of one, with the place of its config."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

__all__ = ["ACTIVITY", "Part", "is_normalization", "parts_of", "slots"]

ACTIVITY = "activity"

_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
    keras.layers.UnitNormalization,
)

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
    """

    layer: Any
    paths: tuple[str, ...]
    config: dict[str, Any]
    owner: Any
    keys: tuple[Key, ...] = ()
    around: tuple[tuple[Any, tuple[str, ...]], ...] = ()

    @property
    def path(self) -> str:
        """The first of the paths."""
        return self.paths[0]

    @property
    def slots(self) -> tuple[str, ...]:
        """What its constructor takes a regularizer for: `kernel`, `bias`, `recurrent`, ..."""
        return slots(self.config)

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


def is_normalization(layer: Any) -> bool:
    """Whether the weights of a layer are the scales and offsets of a normalization."""
    return isinstance(layer, _NORMALIZATIONS)
