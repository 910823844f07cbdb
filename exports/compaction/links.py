"""`Link`: a step that keeps channels apart, and which of its inputs' each of its outputs' is."""

from typing import Any

import keras
import numpy as np

from .elementwise import acts_on_channels, is_elementwise
from .graph import Step
from .kernels import Change, DepthwiseKernel, kernel_of, numbers

__all__ = ["Link", "link_of"]

_MOVING = ("ExpandDims", "Flatten", "GetItem", "Pad", "Permute", "Reshape", "Squeeze", "Transpose")
_SELECTING = frozenset((*_MOVING, "Max", "Mean"))


class Link:
    """A step that keeps channels apart: where one goes, those that it is tied to go, too.

    Args:
        step: the call, of one output.
        sources: for each input, the channel that each channel of the output comes from, -1 for
            none; `None` for an input whose channels do not become channels.
    """

    has_shape = False  # whether the layer's config says how many channels there are

    def __init__(self, step: Step, sources: list[np.ndarray | None]):
        self.step = step
        self.sources = sources

    def fixed(self, threshold: float) -> np.ndarray:
        """What channels of the output are whatever the inputs, NaN for those that depend on them.

        Args:
            threshold: weights up to it count as 0.
        """
        return np.full(self.step.outputs[0].channels, np.nan)

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> Change:
        """What is different with some channels only, masks of the inputs and of the output."""
        return Change()


class _Reshape(Link):
    """A layer or an operation that says its shape."""

    has_shape = True

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> Change:
        config = self.step.operation.get_config()
        key = "target_shape" if "target_shape" in config else "newshape"
        *others, last = config[key]
        return Change({key: (*others, last if last == -1 else int(output.sum()))})


class _Pad(Link):
    """`keras.ops.pad`, which may add channels of zeros."""

    has_shape = True

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> Change:
        widths = [tuple(width) for width in self.step.operation.get_config()["pad_width"]]
        (source,) = self.sources
        if len(widths) != len(self.step.inputs[0].shape) or source is None:
            return Change()
        before = int(np.argmax(source >= 0))
        after = before + int((source >= 0).sum())
        widths[-1] = (int(output[:before].sum()), int(output[after:].sum()))
        return Change({"pad_width": tuple(widths)})


class _Weighted(Link):
    """A layer whose weights have an entry for each channel, on their last axis."""

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> Change:
        weights = {weight.name: numbers(weight) for weight in self.step.operation.weights}
        config = {k: "zeros" for k in self.step.operation.get_config() if _is_initializer(k)}
        return Change(config, {name: array[..., output] for name, array in weights.items()})


class _BatchNorm(_Weighted):
    def fixed(self, threshold: float) -> np.ndarray:
        """Where gamma is 0, beta is what remains."""
        layer, channels = self.step.operation, self.step.outputs[0].channels
        if layer.gamma is None:
            return super().fixed(threshold)
        beta = numbers(layer.beta) if layer.beta is not None else np.zeros(channels)
        return np.where(np.abs(numbers(layer.gamma)) <= threshold, beta, np.nan)


class _Depthwise(Link):
    """A depthwise convolution: a channel and what is made of it."""

    def __init__(self, step: Step, kernel: DepthwiseKernel):
        channels = step.inputs[0].channels
        super().__init__(step, [np.repeat(np.arange(channels), kernel.multiplier)])
        self.kernel = kernel

    def fixed(self, threshold: float) -> np.ndarray:
        """Where the kernel is 0, the bias is what remains."""
        constant = activated(self.step.operation, self.kernel.bias)
        return np.where(self.kernel.unit_sizes() <= threshold, constant, np.nan)

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> Change:
        return self.kernel.change(inputs[0], output)


def link_of(step: Step) -> Link | None:
    """How a step keeps channels apart; `None` if it mixes them, or if that is not known."""
    if len(step.outputs) != 1 or not step.outputs[0].channels:
        return None
    if acts_on_channels(step):
        return _by_channel(step)
    if type(step.operation) is keras.layers.BatchNormalization:
        last = step.operation.axis in (-1, len(step.inputs[0].shape) - 1)
        return _BatchNorm(step, [_all(step)]) if last and len(step.inputs) == 1 else None
    if isinstance(kernel := kernel_of(step.operation), DepthwiseKernel):
        same = is_elementwise(step.operation.activation)
        return _Depthwise(step, kernel) if same else None
    if not type(step.operation).__module__.startswith("keras.src."):
        return None
    if step.kind == "Concatenate":
        return _concatenation(step)
    return _selection(step) if step.kind in _SELECTING else None


def activated(layer: Any, values: np.ndarray) -> np.ndarray:
    """The activation of a layer, of values in its precision."""
    tensor = keras.ops.convert_to_tensor(values, dtype=layer.compute_dtype)
    result = tensor if layer.activation is None else layer.activation(tensor)
    return np.asarray(keras.ops.convert_to_numpy(result), "float64")


def _all(step: Step) -> np.ndarray:
    return np.arange(step.outputs[0].channels)


def _is_initializer(key: str) -> bool:
    return key.endswith("_initializer")


def _by_channel(step: Step) -> Link | None:
    channels = step.outputs[0].channels
    sources = [_all(step) if value.channels == channels else None for value in step.inputs]
    shapes = [weight.shape for weight in getattr(step.operation, "weights", ())]
    if not any(map(len, shapes)):  # an empty TensorShape is true
        return Link(step, sources)
    return _Weighted(step, sources) if all(s[-1] == channels for s in shapes) else None


def _concatenation(step: Step) -> Link | None:
    rank = len(step.outputs[0].shape)
    if step.operation.axis % rank != rank - 1:
        return Link(step, [_all(step) for _ in step.inputs])
    sources, start = [], 0
    for value in step.inputs:
        source = np.full(step.outputs[0].channels, -1)
        source[start : start + value.channels] = np.arange(value.channels)
        sources.append(source)
        start += value.channels
    return Link(step, sources) if start == step.outputs[0].channels else None


def _selection(step: Step) -> Link | None:
    """What a step does that only moves, copies or leaves out numbers, or takes their mean.

    Told from channels that are numbered, and from others that hold random numbers.
    """
    if len(step.inputs) != 1 or not (channels := step.inputs[0].channels):
        return None
    numbered = np.arange(1, channels + 1)
    moved = _moved(step, numbered)
    source = np.rint(moved.max(axis=0)).astype(int) - 1
    random = np.random.default_rng(0).uniform(1, 2, channels)
    both = ((numbered, moved), (random, _moved(step, random)))
    if source.max() >= channels or not all(_selects(o, i, source) for i, o in both):
        return None
    kept = source[source >= 0]
    if step.kind == "Pad":
        inner = np.flatnonzero(source >= 0)
        whole = np.array_equal(kept, numbered - 1) and inner[-1] - inner[0] + 1 == channels
        return _Pad(step, [source]) if whole else None
    repeats = len(source) // channels
    if not np.array_equal(source, np.tile(numbered - 1, repeats)):
        return None
    return (_Reshape if step.kind == "Reshape" else Link)(step, [source])


def _moved(step: Step, channels: np.ndarray) -> np.ndarray:
    """What becomes of an input that is the same at each place, `(places, channels)`."""
    (value,) = step.inputs
    output = step.evaluate({value: np.broadcast_to(channels, value.sizes)})
    return output.reshape(-1, output.shape[-1])


def _selects(output: np.ndarray, channels: np.ndarray, source: np.ndarray) -> bool:
    """Whether each place has the channel of `source`, or a zero around it."""
    expected = np.where(source >= 0, channels[source], 0)
    zero = (output == 0) & ~(output == 0).all(axis=0)
    return bool((np.isclose(output, expected, rtol=1e-5) | zero).all())
