"""What a `Regularization` asks of one weight, as far as it has a meaning there."""

from typing import Any, NamedTuple

import keras

from ..regularization import Regularization
from ..regularizers import penalty_of
from .parts import Part, is_normalization

__all__ = [
    "PENALTIES",
    "UNKNOWN",
    "Asked",
    "asked_of",
    "input_axes",
    "is_bias",
    "is_kernel",
    "is_scale",
    "limit_of",
    "weight_of",
]

PENALTIES = Regularization.penalties("kernels")

UNKNOWN = "which of its axes lead into one unit is not known"

_LAST_AXIS_IS_UNITS = (
    keras.layers.Dense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
    keras.layers.SimpleRNN,
    keras.layers.SimpleRNNCell,
    keras.layers.GRU,
    keras.layers.GRUCell,
    keras.layers.LSTM,
    keras.layers.LSTMCell,
    keras.layers.ConvLSTM1D,
    keras.layers.ConvLSTM2D,
    keras.layers.ConvLSTM3D,
)
_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)


class Asked(NamedTuple):
    """What of a `Regularization` is asked of a weight, and why other fields mean nothing there.

    Args:
        taken: the fields on kernels that mean something.
        units: the axis of the units.
        refused: reasons, by field.
    """

    taken: Regularization
    units: int
    refused: dict[str, str]

    def penalty(self) -> keras.regularizers.Regularizer | None:
        """The sum of the penalties."""
        return penalty_of(self.taken, "kernels", self.units)


def is_kernel(part: Part, slot: str) -> bool:
    """Whether a weight is one that connects units: no bias, scale, slope or embedding."""
    if slot in part.inside:
        return _connects(part, slot)
    return slot not in ("embeddings", "alpha") and not is_bias(slot) and not is_scale(part, slot)


_NO_KERNELS = ("bias", "embedding", "token", "position", "gamma", "beta", "scale", "alpha")


def _connects(part: Part, slot: str) -> bool:
    """The same of a weight inside of a layer, by its name and shape."""
    weight = weight_of(part, slot)
    if is_normalization(part.layer) or isinstance(part.layer, keras.layers.Embedding):
        return False
    if "kernel" in weight.name:
        return len(weight.shape) > 1
    named_otherwise = any(word in weight.name for word in _NO_KERNELS)
    return not named_otherwise and sum(size > 1 for size in weight.shape) > 1


def is_bias(slot: str) -> bool:
    """Whether a weight is a bias, by its name."""
    return "bias" in slot


def is_scale(part: Part, slot: str) -> bool:
    """Whether a weight is the scale or the offset of a normalization."""
    return is_normalization(part.layer) or slot in ("gamma", "beta")


def asked_of(regularization: Regularization, part: Part, slot: str) -> Asked:
    """What the fields on kernels ask of one weight.

    Args:
        regularization: its fields, those in `PENALTIES`.
        part: the layer.
        slot: which of its weights.
    """
    on = regularization.on()
    fields = {name: on[name] for name in PENALTIES if name in on}
    axes = input_axes(part, slot)
    refused = {name: why for name in fields if (why := _objection(name, axes, part, slot))}
    taken = Regularization(**{n: value for n, value in fields.items() if n not in refused})
    units = _units(axes, part, slot) if axes else -1
    return Asked(taken, units, refused)


def limit_of(max_norm: float, part: Part, slot: str) -> keras.constraints.MaxNorm | None:
    """The constraint on the norm of what leads into each unit, `None` where that is not known."""
    axes = input_axes(part, slot)
    return keras.constraints.MaxNorm(max_norm, list(axes)) if axes else None


def input_axes(part: Part, slot: str) -> tuple[int, ...] | None:
    """The axes of a kernel that lead into one unit, `None` where it is not known."""
    layer, rank = part.layer, _rank(part, slot)
    if rank is None or not is_kernel(part, slot):
        return None
    if slot == "depthwise":
        return tuple(range(rank - 2))  # (..., channels, multiplier): each channel by itself
    if isinstance(layer, _TRANSPOSED):
        return (*range(rank - 2), rank - 1)  # (..., filters, channels)
    if isinstance(layer, keras.layers.EinsumDense):
        return _contracted(layer.equation)
    if isinstance(layer, _LAST_AXIS_IS_UNITS):
        return tuple(range(rank - 1))
    return None


def _contracted(equation: str) -> tuple[int, ...] | None:
    """The axes of an EinsumDense kernel that are summed over: `abc,cd->abd` has (0,)."""
    terms, result = equation.replace(" ", "").split("->")
    kernel = terms.split(",")[1]
    axes = tuple(axis for axis, letter in enumerate(kernel) if letter not in result)
    return axes or None


def _objection(field: str, axes: tuple[int, ...] | None, part: Part, slot: str) -> str:
    """Why a field has no meaning for a kernel; empty if it has one."""
    needed = PENALTIES[field].units
    if needed == "ignored":
        return ""
    if axes is None:
        return UNKNOWN
    shape = weight_of(part, slot).shape
    units = [axis for axis in range(len(shape)) if axis not in axes]
    wide = [axis for axis in units if shape[axis] > 1]
    if needed == "one axis" and len(wide) > 1:
        return "its units lie along several axes"
    if needed == "last axis" and wide != [len(shape) - 1]:
        return "it needs two or more units along the last axis"
    return ""


def _units(axes: tuple[int, ...], part: Part, slot: str) -> int:
    """The axis of the units: of those that are no inputs the longest."""
    shape = weight_of(part, slot).shape
    return max((axis for axis in range(len(shape)) if axis not in axes), key=lambda a: shape[a])


def _rank(part: Part, slot: str) -> int | None:
    weight = weight_of(part, slot)
    return None if weight is None else len(weight.shape)


def weight_of(part: Part, slot: str) -> Any:
    """The variable of a layer that a slot stands for, `None` if it is not known."""
    if slot in part.inside:
        return part.inside[slot][1]
    holder = getattr(part.layer, "cell", part.layer)
    for name in (f"{slot}_kernel", slot, "kernel" if slot == "depthwise" else ""):
        weight = getattr(holder, name, None) if name else None
        if hasattr(weight, "shape"):
            return weight
    return None
