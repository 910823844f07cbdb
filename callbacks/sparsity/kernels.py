"""Select the kernels of a model for a penalty."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import keras

from ...core.checks import message
from ...core.layer_kinds import Kind, kernel_axes, kind_of

Pattern = str | type[keras.layers.Layer]


@dataclass(frozen=True, eq=False)
class PenalizedKernel:
    """A kernel and its layer."""

    layer: keras.layers.Layer
    variable: Any

    def groups(self, of: str) -> tuple[int, ...] | None:
        """Return the axes of the units, "outputs" or "inputs", or `None` if they are unknown."""
        axes = kernel_axes(self.layer, self.variable.name, len(self.variable.shape))
        if axes is None or kind_of(self.layer) in (Kind.RECURRENT, Kind.RECURRENT_CELL):
            return None  # each unit of a recurrent kernel has several columns
        if of == "outputs":
            return axes.units
        # In a grouped convolution, an index stands for several inputs.
        return axes.channels if getattr(self.layer, "groups", 1) == 1 else None


def check_patterns(argument: str, patterns: Any) -> tuple[Pattern, ...]:
    """Return `patterns` as a tuple. Raise a `TypeError` if one is not a text or a layer class."""
    patterns = (patterns,) if isinstance(patterns, str | type) else tuple(patterns)
    for pattern in patterns:
        is_class = isinstance(pattern, type) and issubclass(pattern, keras.layers.Layer)
        if not is_class and not (isinstance(pattern, str) and pattern):
            expected = "a layer class, a pattern of names or paths, or several of these"
            raise TypeError(message(argument, pattern, expected))
    return patterns


def select_kernels(
    model: keras.Model, layers: Sequence[Pattern] | None = None, exclude: Sequence[Pattern] = ()
) -> list[PenalizedKernel]:
    """Return the trainable kernels in a built model, those in nested models included.

    A kernel is a weight with a name that ends in "kernel", as in all layers of Keras. A pattern is
    a layer class, or a text as in `fnmatch` for the name of a layer, or for its path if the text
    contains a slash. It selects or excludes a layer with all layers inside.
    """
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} is not built and has no kernels. Give it a keras.Input."
        )
    kernels = list(_kernels(model))
    selected = _inside(model, ["*"] if layers is None else layers) - _inside(model, exclude)
    found = [kernel for kernel in kernels if id(kernel.layer) in selected]
    if not found:
        paths = ", ".join(dict.fromkeys(kernel.layer.path for kernel in kernels)) or "none"
        raise ValueError(
            f"`layers` and `exclude` must select layers with a trainable kernel: {paths}. "
            f"Received: layers={layers!r}, exclude={tuple(exclude)!r}"
        )
    return found


def _kernels(model: keras.Model) -> Iterable[PenalizedKernel]:
    todo = {id(v) for v in model.trainable_variables}
    for layer in model._flatten_layers():
        for variable in layer._trainable_variables:  # excludes the layers inside
            if variable.name.endswith("kernel") and id(variable) in todo:
                todo.remove(id(variable))
                yield PenalizedKernel(layer, variable)


def _inside(model: keras.Model, patterns: Sequence[Pattern]) -> set[int]:
    """Return the ids of the layers that match a pattern, and of all layers inside them."""
    matching = [x for x in model._flatten_layers() if any(_matches(p, x) for p in patterns)]
    return {id(layer) for outer in matching for layer in outer._flatten_layers()}


def _matches(pattern: Pattern, layer: keras.layers.Layer) -> bool:
    if not isinstance(pattern, str):
        return isinstance(layer, pattern)
    return fnmatchcase((layer.path or "") if "/" in pattern else layer.name, pattern)
