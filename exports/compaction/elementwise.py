"""What acts on each channel by itself: activations, and the layers and operations of Keras."""

from typing import Any

import keras
import numpy as np

from .graph import Step, Value, takes_training

__all__ = ["acts_on_channels", "is_elementwise", "is_identity"]

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


def is_elementwise(activation: Any) -> bool:
    """Whether an activation is known to act on each number by itself."""
    return activation is None or activation in _ACTIVATIONS


def acts_on_channels(step: Step) -> bool:
    """Whether channel `c` of the output is made of channel `c` of each input, and of nothing else.

    Known of Keras' own classes, and tried out of others that only do something in training.
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
    """Whether a step hands on its one input as it is, in inference."""
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
    """Whether a layer with `training` hands on its input, or the sum of its inputs, in inference.

    Tried on numbers of all magnitudes, to the bit: dropout, noise and stochastic depth of whoever
    wrote them, but no layer that clips.
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
    """Numbers between 1e-4 and 1e4, of both signs."""
    generator = np.random.default_rng(0)
    return {
        value: generator.choice([-1, 1], value.sizes) * 10 ** generator.uniform(-4, 4, value.sizes)
        for value in values
    }
