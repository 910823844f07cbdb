"""`Kernel` and `select_kernels`: the weights of a model that a penalty is meant for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import keras

__all__ = ["Kernel", "Pattern", "check_patterns", "select_kernels"]

Pattern = str | type[keras.layers.Layer]

_LAST = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
_TRANSPOSED = tuple(getattr(keras.layers, f"Conv{rank}DTranspose") for rank in (1, 2, 3))
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel and the layer that owns it."""

    layer: keras.layers.Layer
    variable: Any

    @property
    def path(self) -> str:
        """Of the layer."""
        return self.layer.path

    def groups(self, of: str) -> tuple[int, ...] | None:
        """The axes that number the output (or input) units; None where that is not known.

        >>> dense = keras.layers.Dense(3)
        >>> dense.build((None, 5))
        >>> kernel = Kernel(dense, dense.kernel)
        >>> kernel.groups("outputs"), kernel.groups("inputs")
        ((1,), (0,))
        """
        layer, rank = self.layer, len(self.variable.shape)
        outputs, inputs = rank - 1, rank - 2
        name = self.variable.name
        if isinstance(layer, keras.layers.EinsumDense):
            return _einsum_groups(layer.equation, of)
        if isinstance(layer, _TRANSPOSED):
            outputs, inputs = inputs, outputs
        elif isinstance(layer, _DEPTHWISE) or name == "depthwise_kernel":
            return (inputs, outputs) if of == "outputs" else (inputs,)
        elif not isinstance(layer, _LAST + _SEPARABLE):
            return None
        elif of == "inputs" and getattr(layer, "groups", 1) > 1:
            return None  # an index stands for several inputs
        return (outputs,) if of == "outputs" else (inputs,)


def _einsum_groups(equation: str, of: str) -> tuple[int, ...]:
    kernel = equation.split("->")[0].split(",")[1].strip()
    outputs = equation.split("->")[1]
    return tuple(i for i, letter in enumerate(kernel) if (letter in outputs) == (of == "outputs"))


def check_patterns(argument: str, patterns: Any) -> tuple[Pattern, ...]:
    """Returns `patterns` as a tuple, or says of which argument they are none."""
    if isinstance(patterns, str | type):
        patterns = (patterns,)
    for pattern in patterns:
        of_class = isinstance(pattern, type) and issubclass(pattern, keras.layers.Layer)
        if not of_class and not (isinstance(pattern, str) and pattern):
            raise TypeError(
                f"{argument}: expected patterns of names or paths, or classes of layers. "
                f"Received: {pattern!r}"
            )
    return tuple(patterns)


def select_kernels(
    model: keras.Model, layers: Sequence[Pattern] | None = None, exclude: Sequence[Pattern] = ()
) -> list[Kernel]:
    """The trainable kernels of a model, each once: no biases, no weights of normalization.

    A kernel is a weight whose name ends in `kernel`, as those of all layers of Keras do.

    Args:
        model: a built model; the layers of nested models are looked through, too.
        layers: patterns of the layers to take, each with all layers in it; by default all. A class
            of layers, or a text as in `fnmatch`: one without a slash is compared with a layer's
            name, one with a slash with its path.
        exclude: patterns of layers to leave out.

    Raises:
        ValueError: the model is not built, or nothing is selected; the message names the layers
            that have kernels.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="hidden"),
    ...                           keras.layers.Dense(2, name="logits")])
    >>> [kernel.path.split("/")[-1] for kernel in select_kernels(model, exclude=["logits"])]
    ['hidden']
    """
    if not model.built:
        raise ValueError(
            f"The kernels of model {model.name!r} are not known: give it a keras.Input, or call "
            "it once."
        )
    kernels = list(_kernels(model))
    taken, left_out = _inside(model, ["*"] if layers is None else layers), _inside(model, exclude)
    selected = [k for k in kernels if id(k.layer) in taken - left_out]
    if not selected:
        paths = ", ".join(dict.fromkeys(kernel.path for kernel in kernels)) or "none"
        raise ValueError(
            f"No kernel is selected by layers={layers!r}, exclude={tuple(exclude)!r}. "
            f"Layers with a trainable kernel: {paths}"
        )
    return selected


def _kernels(model: keras.Model) -> Iterable[Kernel]:
    todo = {id(v): v for v in model.trainable_variables}
    for layer in model._flatten_layers():
        for variable in layer._trainable_variables:  # its own, not those of layers in it
            if variable.name.endswith("kernel") and todo.pop(id(variable), None) is not None:
                yield Kernel(layer, variable)


def _inside(model: keras.Model, patterns: Sequence[Pattern]) -> set[int]:
    """The identities of the layers that a pattern means, and of those in them."""
    meant = [x for x in model._flatten_layers() if any(_matches(p, x) for p in patterns)]
    return {id(layer) for outer in meant for layer in outer._flatten_layers()}


def _matches(pattern: Pattern, layer: keras.layers.Layer) -> bool:
    if not isinstance(pattern, str):
        return isinstance(layer, pattern)
    return fnmatchcase((layer.path or "") if "/" in pattern else layer.name, pattern)
