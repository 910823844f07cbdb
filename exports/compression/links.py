"""Links: steps that keep channels apart, and the source of each of their output channels."""

from typing import Any

import keras
import numpy as np

from .graph import Step, Value, takes_training
from .kernels import Change, DepthwiseKernel, kernel_of, numbers

_MOVING = ("ExpandDims", "Flatten", "GetItem", "Pad", "Permute", "Reshape", "Squeeze", "Transpose")
_SELECTING = frozenset((*_MOVING, "Max", "Mean"))


_RECTIFIERS = ("celu", "elu", "gelu", "leaky_relu", "mish", "relu", "relu6", "selu", "silu")
_SMOOTH = ("exponential", "linear", "log_sigmoid", "sigmoid", "softplus", "softsign", "tanh")
_HARD = ("hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "soft_shrink", "threshold")
_OTHERS = ("sparse_plus", "squareplus", "tanh_shrink")
_ACTIVATIONS = frozenset(
    getattr(keras.activations, name) for name in (*_RECTIFIERS, *_SMOOTH, *_HARD, *_OTHERS)
)
_MERGING = ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")
_PLAIN = ("ActivityRegularization", "ELU", "Identity", "LeakyReLU", "PReLU", "ReLU", "RepeatVector")
_POOLING = ("AveragePooling", "GlobalAveragePooling", "GlobalMaxPooling", "MaxPooling")
_SPATIAL = (*_POOLING, "Cropping", "UpSampling", "ZeroPadding")
_LAYERS = frozenset(
    getattr(keras.layers, name)
    for name in (*_MERGING, *_PLAIN, *(f"{kind}{rank}D" for kind in _SPATIAL for rank in (1, 2, 3)))
)
# The operations are called like the activations, without underscores.
_OPERATIONS = {name.replace("_", "") for name in (*_RECTIFIERS, *_SMOOTH, *_HARD, *_OTHERS)} | {
    *("abs", "absolute", "add", "maximum", "minimum", "multiply", "negative", "square", "subtract")
}


class Link:
    """A step that keeps channels apart: tied channels can only be removed together.

    Args:
        step: The call, with one output.
        sources: For each input, the source of each channel of the output, -1 for none; `None` for
            an input whose channels do not become channels.
    """

    has_shape = False  # whether the config of the layer has the number of channels

    def __init__(self, step: Step, sources: list[np.ndarray | None]):
        self.step = step
        self.sources = sources

    def fixed(self, threshold: float) -> np.ndarray:
        """Return the channels that are constant for all inputs, NaN for the others.

        Args:
            threshold: Largest magnitude of a weight that counts as 0.
        """
        return np.full(self.step.outputs[0].channels, np.nan)

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> Change:
        """Return the change that keeps some channels only, masks of the inputs and the output."""
        return Change()


class _Reshape(Link):
    """A layer or an operation with a shape in its config."""

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
        """Return beta where gamma is 0."""
        layer, channels = self.step.operation, self.step.outputs[0].channels
        if layer.gamma is None:
            return super().fixed(threshold)
        beta = numbers(layer.beta) if layer.beta is not None else np.zeros(channels)
        return np.where(np.abs(numbers(layer.gamma)) <= threshold, beta, np.nan)


class _Depthwise(Link):
    """A depthwise convolution."""

    def __init__(self, step: Step, kernel: DepthwiseKernel):
        channels = step.inputs[0].channels
        super().__init__(step, [np.repeat(np.arange(channels), kernel.multiplier)])
        self.kernel = kernel

    def fixed(self, threshold: float) -> np.ndarray:
        """Return the activated bias where the kernel is 0."""
        constant = activated(self.step.operation, self.kernel.bias)
        return np.where(self.kernel.unit_sizes() <= threshold, constant, np.nan)

    def change(self, inputs: list[np.ndarray], output: np.ndarray) -> Change:
        return self.kernel.change(inputs[0], output)


def link_of(step: Step) -> Link | None:
    """Return how a step keeps channels apart; `None` if it mixes them or is not known."""
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
    """Apply the activation of a layer to values, in the precision of the layer."""
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
    """Return the link of a step that moves, copies or omits numbers, or takes their mean.

    It is found by a call with numbered channels, and another with random ones.
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
    """Call a step on an input that is the same at each place; returns `(places, channels)`."""
    (value,) = step.inputs
    output = step.evaluate({value: np.broadcast_to(channels, value.sizes)})
    return output.reshape(-1, output.shape[-1])


def _selects(output: np.ndarray, channels: np.ndarray, source: np.ndarray) -> bool:
    """Return whether each place has the channel of `source`, or a zero around it."""
    expected = np.where(source >= 0, channels[source], 0)
    zero = (output == 0) & ~(output == 0).all(axis=0)
    return bool((np.isclose(output, expected, rtol=1e-5) | zero).all())


def is_elementwise(activation: Any) -> bool:
    """Return whether an activation is known to act on each number by itself."""
    return activation is None or activation in _ACTIVATIONS


def acts_on_channels(step: Step) -> bool:
    """Return whether channel `c` of the output depends on channel `c` of each input only.

    Keras' own classes are listed; layers that may be the identity in inference are tried.
    """
    operation = step.operation
    if getattr(operation, "data_format", "channels_last") != "channels_last":
        return False
    if type(operation).__module__.startswith("keras.src.ops."):
        return step.kind.lower() in _OPERATIONS and all(map(_is_scalar, step.constants()))
    if isinstance(operation, keras.layers.Activation):
        return type(operation) is keras.layers.Activation and is_elementwise(operation.activation)
    return type(operation) in _LAYERS or _acts_in_training_only(step)


def is_identity(step: Step) -> bool:
    """Return whether a step is the identity in inference."""
    operation = step.operation
    if len(step.inputs) != 1 or isinstance(operation, keras.layers.Identity):
        return len(step.inputs) == 1
    linear = getattr(operation, "activation", None) is keras.activations.linear
    if linear and type(operation) is keras.layers.Activation:
        return True
    return _acts_in_training_only(step)


def _is_scalar(argument: Any) -> bool:
    return isinstance(argument, str) or np.ndim(argument) == 0


def _acts_in_training_only(step: Step) -> bool:
    """Return whether a layer with `training` returns the sum of its inputs in inference.

    It is tried on numbers of all magnitudes, to the bit. Dropout, noise and stochastic depth pass,
    whoever wrote them; a layer that clips does not.
    """
    layer = step.operation
    if isinstance(layer, keras.layers.Lambda) or not takes_training(layer):
        return False
    if any(len(weight.shape) for weight in layer.weights):
        return False
    shapes = {value.shape for value in (*step.inputs, *step.outputs)}
    # A mask of a fixed number of channels would not fit fewer of them.
    masks = getattr(layer, "noise_shape", None) or (None,)
    if len(shapes) > 1 or len(step.outputs) > 1 or masks[-1] not in (None, 1):
        return False
    arrays = _of_all_magnitudes(step.inputs)
    output = step.evaluate(arrays)
    total = keras.ops.convert_to_tensor(arrays[step.inputs[0]], step.inputs[0].dtype)
    for value in step.inputs[1:]:
        total = total + keras.ops.convert_to_tensor(arrays[value], value.dtype)
    return np.array_equal(output, np.asarray(keras.ops.convert_to_numpy(total), "float64"))


def _of_all_magnitudes(values: list[Value]) -> dict[Value, np.ndarray]:
    """Return numbers between 1e-4 and 1e4, of both signs."""
    generator = np.random.default_rng(0)
    return {
        value: generator.choice([-1, 1], value.sizes) * 10 ** generator.uniform(-4, 4, value.sizes)
        for value in values
    }
