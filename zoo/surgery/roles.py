"""What a layer is for: a convolution, a normalization, an activation, the last one with weights."""

from typing import Any

import keras

from .parts import is_normalization

__all__ = [
    "convolves",
    "core",
    "is_activation",
    "is_convolution",
    "is_norm",
    "is_plain_dropout",
    "is_sample_dropout",
    "is_weightless",
    "rectifies",
]

_layers = keras.layers
_CONVOLUTIONS = (
    _layers.Conv1D,
    _layers.Conv2D,
    _layers.Conv3D,
    _layers.Conv1DTranspose,
    _layers.Conv2DTranspose,
    _layers.Conv3DTranspose,
    _layers.DepthwiseConv1D,
    _layers.DepthwiseConv2D,
    _layers.SeparableConv1D,
    _layers.SeparableConv2D,
)
_ACTIVATIONS = (_layers.ReLU, _layers.LeakyReLU, _layers.ELU, _layers.PReLU)
_NO_ACTIVATION = (None, keras.activations.linear, keras.activations.softmax)
_ACTIVATION_OPERATIONS = (
    *("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Celu", "Silu", "Gelu", "HardSilu"),
    *("Sigmoid", "HardSigmoid", "Softplus", "Softsign", "Tanh"),
)


def core(layer: Any) -> Any:
    """The layer inside of the wrappers around it, or the layer itself."""
    while isinstance(layer, keras.layers.Wrapper | keras.layers.Bidirectional):
        inside = isinstance(layer, keras.layers.Wrapper)
        layer = layer.layer if inside else layer.forward_layer
    return layer


def is_convolution(layer: Any) -> bool:
    """Whether a layer is a convolution, transposed, separable and depthwise ones included."""
    return isinstance(core(layer), _CONVOLUTIONS)


def convolves(call: Any) -> bool:
    """Whether a call is a convolution, or what is one by one pixel: a dense layer over images."""
    dense = isinstance(core(call.operation), keras.layers.Dense)
    return is_convolution(call.operation) or (dense and len(call.outputs[0].shape) > 3)


def is_norm(layer: Any) -> bool:
    """Whether a layer normalizes what it gets."""
    return is_normalization(layer)


def rectifies(layer: Any) -> bool:
    """Whether a layer has an activation, softmax excepted."""
    if isinstance(layer, _ACTIVATIONS):
        return True
    activation = getattr(layer, "activation", None)
    if activation is None:
        activation = getattr(getattr(layer, "cell", None), "activation", None)
    return activation not in _NO_ACTIVATION


def is_activation(operation: Any) -> bool:
    """Whether a layer or an operation is an activation and nothing else, softmax excepted."""
    if isinstance(operation, _ACTIVATIONS):
        return True
    if isinstance(operation, keras.layers.Activation):
        return rectifies(operation)
    is_layer = isinstance(operation, keras.layers.Layer)
    return not is_layer and type(operation).__name__ in _ACTIVATION_OPERATIONS


def is_weightless(operation: Any) -> bool:
    """Whether what is called has no weights, apart from the rate of a layer that draws."""
    weights = getattr(operation, "weights", ())
    return all(weight.shape == () for weight in weights)


def is_plain_dropout(layer: Any) -> bool:
    """Whether a layer drops single values."""
    return type(layer).__name__ == "Dropout" and layer.noise_shape is None


def is_sample_dropout(layer: Any) -> bool:
    """Whether a layer drops whole samples: stochastic depth of a residual branch.

    There is no such layer in `keras.layers`; `keras.applications` makes it of `Dropout`, or has a
    class of its own in ConvNeXt.
    """
    if type(layer).__name__ == "Dropout":
        shape = layer.noise_shape
        return shape is not None and len(shape) > 1 and set(shape[1:]) == {1}
    return type(layer).__name__ in ("StochasticDepth", "DropPath") and not _is_ours(layer)


def _is_ours(layer: Any) -> bool:
    return type(layer).__module__.startswith("occam.")
