"""Links: calls that keep channels apart, with the source of each output channel."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import KerasTensor

from ...core.layer_kinds import Kind, is_elementwise, keeps_channels_apart, kind_of, takes_training
from ...core.model_graph import Call
from .kernels import DepthwiseKernel, KernelArrays, LayerUpdate, kernel_of, numbers

_SELECTING = ("GetItem", "Max", "Mean", "Pad")  # operations, besides `Kind.RESHAPING`


class Link:
    """A call that keeps channels apart.

    For each input, `sources` has the source of each output channel, or -1 if it has none; it is
    None for an input whose channels do not become channels.
    """

    has_shape = False  # whether the config of the layer holds the number of channels

    def __init__(self, call: Call, sources: list[np.ndarray | None]):
        self.call = call
        self.sources = sources

    def fixed(self, threshold: float) -> np.ndarray:
        """Return the value of channels that are constant by their own weights, NaN for others."""
        return np.full(channels_of(self.call.outputs[0]), np.nan)

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> LayerUpdate:
        """Return the update that keeps the channels of the masks."""
        return LayerUpdate()


class _Reshape(Link):
    """A layer or an operation whose config holds a shape."""

    has_shape = True

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> LayerUpdate:
        config = self.call.operation.get_config()
        key = "target_shape" if "target_shape" in config else "newshape"
        *others, last = config[key]
        return LayerUpdate({key: (*others, last if last == -1 else int(output.sum()))})


class _Pad(Link):
    """`keras.ops.pad`, which may add channels of zeros."""

    has_shape = True

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> LayerUpdate:
        widths = [tuple(width) for width in self.call.operation.get_config()["pad_width"]]
        (source,) = self.sources
        if len(widths) != len(self.call.inputs[0].shape) or source is None:
            return LayerUpdate()
        before = int(np.argmax(source >= 0))
        after = before + int((source >= 0).sum())
        widths[-1] = (int(output[:before].sum()), int(output[after:].sum()))
        return LayerUpdate({"pad_width": tuple(widths)})


class _Weighted(Link):
    """A layer whose weights have an entry for each channel, on their last axis."""

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> LayerUpdate:
        weights = {weight.name: numbers(weight) for weight in self.call.operation.weights}
        keys = self.call.operation.get_config()
        config = {key: "zeros" for key in keys if key.endswith("_initializer")}
        return LayerUpdate(config, {name: array[..., output] for name, array in weights.items()})


class _BatchNorm(_Weighted):
    def fixed(self, threshold: float) -> np.ndarray:
        """Return beta for each channel whose gamma is at most `threshold` in size, else NaN."""
        layer, channels = self.call.operation, channels_of(self.call.outputs[0])
        if layer.gamma is None:
            return super().fixed(threshold)
        beta = numbers(layer.beta) if layer.beta is not None else np.zeros(channels)
        return np.where(np.abs(numbers(layer.gamma)) <= threshold, beta, np.nan)


class _Depthwise(Link):
    def __init__(self, call: Call, kernel: DepthwiseKernel):
        channels = channels_of(call.inputs[0])
        super().__init__(call, [np.repeat(np.arange(channels), kernel.multiplier)])
        self.kernel = kernel

    def fixed(self, threshold: float) -> np.ndarray:
        """Return `activation(bias)` of channels whose kernel is at most `threshold`, else NaN."""
        constant = activated(self.call.operation, self.kernel.bias)
        return np.where(self.kernel.unit_sizes() <= threshold, constant, np.nan)

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> LayerUpdate:
        return self.kernel.change(inputs[0], output)


Role = KernelArrays | Link | str  # of a call; a string is the reason why its channels stay


def link_of(call: Call) -> Link | None:
    """Return the link of a call, or None if it mixes channels or is not known."""
    if len(call.outputs) != 1 or not channels_of(call.outputs[0]):
        return None
    if acts_on_channels(call):
        return _by_channel(call)
    operation = call.operation
    if type(operation) is keras.layers.BatchNormalization:
        last = operation.axis in (-1, len(call.inputs[0].shape) - 1)
        return _BatchNorm(call, [_all(call)]) if last and len(call.inputs) == 1 else None
    if isinstance(kernel := kernel_of(operation), DepthwiseKernel):
        return _Depthwise(call, kernel) if is_elementwise(operation.activation) else None
    kind = kind_of(operation, exact=True)
    if kind is Kind.CONCATENATION:
        return _concatenation(call)
    is_operation = type(operation).__module__.startswith("keras.src.ops.")
    if kind is Kind.RESHAPING or (is_operation and call.kind in _SELECTING):
        return _selection(call)
    return None


def activated(layer: Any, values: np.ndarray) -> np.ndarray:
    """Apply the activation of a layer to values, in the precision of the layer."""
    tensor = keras.ops.convert_to_tensor(values, dtype=layer.compute_dtype)
    result = tensor if layer.activation is None else layer.activation(tensor)
    return np.asarray(keras.ops.convert_to_numpy(result), "float64")


def _all(call: Call) -> np.ndarray:
    return np.arange(channels_of(call.outputs[0]))


def _by_channel(call: Call) -> Link | None:
    channels = channels_of(call.outputs[0])
    sources = [_all(call) if channels_of(value) == channels else None for value in call.inputs]
    shapes = [weight.shape for weight in getattr(call.operation, "weights", ())]
    if not any(map(len, shapes)):  # an empty TensorShape is true
        return Link(call, sources)
    return _Weighted(call, sources) if all(s[-1] == channels for s in shapes) else None


def _concatenation(call: Call) -> Link | None:
    rank = len(call.outputs[0].shape)
    if call.operation.axis % rank != rank - 1:
        return Link(call, [_all(call) for _ in call.inputs])
    sources, start = [], 0
    for value in call.inputs:
        source = np.full(channels_of(call.outputs[0]), -1)
        source[start : start + channels_of(value)] = np.arange(channels_of(value))
        sources.append(source)
        start += channels_of(value)
    return Link(call, sources) if start == channels_of(call.outputs[0]) else None


def _selection(call: Call) -> Link | None:
    """Return the link of a call that moves, copies, omits or averages channels.

    The sources are found by a trial with numbered channels, and checked with random ones.
    """
    if len(call.inputs) != 1 or not (channels := channels_of(call.inputs[0])):
        return None
    numbered = np.arange(1, channels + 1)
    moved = _moved(call, numbered)
    source = np.rint(moved.max(axis=0)).astype(int) - 1
    random = np.random.default_rng(0).uniform(1, 2, channels)
    both = ((numbered, moved), (random, _moved(call, random)))
    if source.max() >= channels or not all(_selects(o, i, source) for i, o in both):
        return None
    kept = source[source >= 0]
    if call.kind == "Pad":
        inner = np.flatnonzero(source >= 0)
        whole = np.array_equal(kept, numbered - 1) and inner[-1] - inner[0] + 1 == channels
        return _Pad(call, [source]) if whole else None
    repeats = len(source) // channels
    if not np.array_equal(source, np.tile(numbered - 1, repeats)):
        return None
    return (_Reshape if call.kind == "Reshape" else Link)(call, [source])


def _moved(call: Call, channels: np.ndarray) -> np.ndarray:
    """Return the output `(positions, channels)` for an input that is the same everywhere."""
    (value,) = call.inputs
    output = evaluate(call, {value: np.broadcast_to(channels, trial_shape(value))})
    return output.reshape(-1, output.shape[-1])


def _selects(output: np.ndarray, channels: np.ndarray, source: np.ndarray) -> bool:
    """Return whether each position has the channel of `source`, or a zero of the padding."""
    expected = np.where(source >= 0, channels[source], 0)
    zero = (output == 0) & ~(output == 0).all(axis=0)
    return bool((np.isclose(output, expected, rtol=1e-5) | zero).all())


def acts_on_channels(call: Call) -> bool:
    """Return whether channel `c` of the output depends only on channel `c` of each input.

    Keras' layers are in a table; other layers must pass a trial as the identity in inference.
    """
    operation = call.operation
    if keeps_channels_apart(operation):
        layer = isinstance(operation, keras.layers.Layer)
        return layer or all(isinstance(c, str) or np.ndim(c) == 0 for c in call.constants())
    last = getattr(operation, "data_format", "channels_last") == "channels_last"
    return last and _acts_in_training_only(call)


def is_identity(call: Call) -> bool:
    """Return whether a call is the identity in inference."""
    operation = call.operation
    if len(call.inputs) != 1:
        return False
    if type(operation) is keras.layers.Activation:
        return operation.activation is keras.activations.linear
    return kind_of(operation) is Kind.IDENTITY or _acts_in_training_only(call)


def _acts_in_training_only(call: Call) -> bool:
    """Return whether a layer with `training` returns the sum of its inputs in inference.

    It is tried on numbers of all magnitudes and must be exact. Dropout, noise and stochastic depth
    pass; a layer that clips does not.
    """
    layer = call.operation
    if isinstance(layer, keras.layers.Lambda) or not takes_training(layer):
        return False
    if any(len(weight.shape) for weight in layer.weights):
        return False
    shapes = {value.shape for value in (*call.inputs, *call.outputs)}
    # A mask of a fixed number of channels would not fit fewer of them.
    masks = getattr(layer, "noise_shape", None) or (None,)
    if len(shapes) > 1 or len(call.outputs) > 1 or masks[-1] not in (None, 1):
        return False
    generator = np.random.default_rng(0)
    arrays = {}
    for value in call.inputs:  # numbers between 1e-4 and 1e4, of both signs
        shape = trial_shape(value)
        arrays[value] = generator.choice([-1, 1], shape) * 10 ** generator.uniform(-4, 4, shape)
    output = evaluate(call, arrays)
    total = keras.ops.convert_to_tensor(arrays[call.inputs[0]], call.inputs[0].dtype)
    for value in call.inputs[1:]:
        total = total + keras.ops.convert_to_tensor(arrays[value], value.dtype)
    return np.array_equal(output, np.asarray(keras.ops.convert_to_numpy(total), "float64"))


def channels_of(tensor: KerasTensor) -> int:
    """Return the size of the last axis; 0 if it is the batch axis, or if the dtype is no float."""
    floats = keras.backend.is_float_dtype(tensor.dtype)
    return (tensor.shape[-1] or 0) if len(tensor.shape) > 1 and floats else 0


def trial_shape(tensor: KerasTensor) -> tuple[int, ...]:
    """Return a shape for a trial: one sample, and 16 along each axis of unknown size."""
    return (1, *(16 if size is None else size for size in tensor.shape[1:]))


def evaluate(call: Call, arrays: Mapping[KerasTensor, np.ndarray]) -> np.ndarray:
    """Return the first output of a call for given inputs, in inference mode."""
    tensors = {
        tensor: keras.ops.convert_to_tensor(array, dtype=tensor.dtype)
        for tensor, array in arrays.items()
    }
    args, kwargs = call.fill_in(tensors)
    if takes_training(call.operation):
        kwargs["training"] = False
    output = keras.tree.flatten(call.operation(*args, **kwargs))[0]
    return np.asarray(keras.ops.convert_to_numpy(output), "float64")
