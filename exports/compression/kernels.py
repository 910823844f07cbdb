"""The kernels of dense layers and convolutions as arrays, which can be pruned and scaled."""

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from ...core.layer_kinds import Kind, kind_of

_Mask = np.ndarray | slice  # boolean, of channels or units
_ALL = slice(None)


@dataclass
class LayerUpdate:
    """New entries of a layer's config, and its new weights by name (empty to keep all)."""

    config: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)


class KernelArrays:
    """The kernel and the bias of a dense layer or convolution, as arrays to change in place.

        y[u] = activation(bias[u] + sum_k sum_c weights[k, c, u] x_k[c])

    The `weights` are `(taps, channels, units)`: a tap is a position in the window of a convolution,
    and a dense layer has one.
    """

    names = ("kernel",)

    def __init__(self, layer: Any):
        self.layer = layer
        self.bias = numbers(layer.bias) if layer.bias is not None else np.zeros(self._units())
        self._read()

    def _units(self) -> int:
        return getattr(self.layer, "units", None) or self.layer.filters

    def _read(self) -> None:
        kernel = numbers(self.layer.kernel)
        if self.transposed:
            kernel = np.swapaxes(kernel, -1, -2)
        self._window = kernel.shape[:-2]
        self.weights = kernel.reshape(-1, *kernel.shape[-2:])

    @property
    def transposed(self) -> bool:
        """Whether the layer is a transposed convolution."""
        return kind_of(self.layer) is Kind.TRANSPOSED_CONVOLUTION

    @property
    def grouped(self) -> bool:
        """Whether a unit reads only some of the channels."""
        return getattr(self.layer, "groups", 1) > 1

    @property
    def sees_padding(self) -> bool:
        """Whether units at the border read zeros from outside the input."""
        if isinstance(self.layer, keras.layers.Dense):
            return False
        ones = all(size == 1 for size in self.layer.kernel_size)
        return self.transposed or not (ones or self.layer.padding == "valid")

    def unit_sizes(self) -> np.ndarray:
        """Return the largest magnitude of a weight into each unit, `(units,)`."""
        return np.abs(self.weights).max(axis=(0, 1))

    def channel_sizes(self) -> np.ndarray:
        """Return the largest magnitude of a weight out of each channel, `(channels,)`."""
        return np.abs(self.weights).max(axis=(0, 2))

    def clear(self, channels: np.ndarray, units: np.ndarray) -> None:
        """Set the weights out of channels and into units to 0."""
        self.clear_channels(channels)
        self.weights[:, :, units] = 0

    def clear_channels(self, which: np.ndarray) -> None:
        """Set the weights out of channels to 0."""
        self.weights[:, which] = 0

    def add_constants(self, constants: np.ndarray) -> None:
        """Add the contribution of channels with constant values, `(channels,)`, to the bias."""
        self.bias = self.bias + np.einsum("c,kcu->u", constants, self.weights)

    def scale_units(self, scale: np.ndarray) -> None:
        """Multiply the weights into each unit, but not the bias."""
        self.weights = self.weights * scale

    def scale_channels(self, scale: np.ndarray) -> None:
        """Multiply the weights out of each channel."""
        self.weights = self.weights * scale[:, None]

    def change(self, channels: _Mask = _ALL, units: _Mask = _ALL) -> LayerUpdate:
        """Return the update of the layer to these arrays, or to some channels and units of them."""
        kernel = self.weights[:, channels][:, :, units]
        count = kernel.shape[-1]
        kernel = kernel.reshape(*self._window, *kernel.shape[1:])
        if self.transposed:
            kernel = np.swapaxes(kernel, -1, -2)
        key = "units" if isinstance(self.layer, keras.layers.Dense) else "filters"
        return self._with_bias(LayerUpdate({key: count}, {"kernel": kernel}), units)

    def _with_bias(self, change: LayerUpdate, units: _Mask) -> LayerUpdate:
        bias = self.bias[units]
        if self.layer.use_bias or bias.any():
            change.config["use_bias"] = True
            change.weights["bias"] = bias
        # The weights are set later; a constant initializer may have another shape.
        change.config |= {f"{name}_initializer": "zeros" for name in (*self.names, "bias")}
        return change


class SeparableKernel(KernelArrays):
    """The depthwise and the pointwise kernel of a separable convolution.

    y[u] = activation(bias[u] + sum_k sum_c sum_m depthwise[k, c, m] weights[c, m, u] x_k[c])
    """

    names = ("depthwise", "pointwise")

    def _read(self) -> None:
        depthwise = numbers(self.layer.depthwise_kernel)
        pointwise = numbers(self.layer.pointwise_kernel)
        self._window, self._ones = depthwise.shape[:-2], pointwise.shape[:-2]
        self.depthwise = depthwise.reshape(-1, *depthwise.shape[-2:])
        self.weights = pointwise.reshape(*depthwise.shape[-2:], -1)

    def _through(self) -> np.ndarray:
        """Return the largest depthwise weight of each inner channel, `(channels, multiplier)`."""
        return np.abs(self.depthwise).max(axis=0)

    def unit_sizes(self) -> np.ndarray:
        return np.minimum(np.abs(self.weights), self._through()[..., None]).max(axis=(0, 1))

    def channel_sizes(self) -> np.ndarray:
        return np.minimum(np.abs(self.weights).max(axis=2), self._through()).max(axis=1)

    def clear_channels(self, which: np.ndarray) -> None:
        self.depthwise[:, which] = 0
        self.weights[which] = 0

    def add_constants(self, constants: np.ndarray) -> None:
        added = np.einsum("c,kcm,cmu->u", constants, self.depthwise, self.weights)
        self.bias = self.bias + added

    def scale_channels(self, scale: np.ndarray) -> None:
        self.depthwise = self.depthwise * scale[:, None]

    def change(self, channels: _Mask = _ALL, units: _Mask = _ALL) -> LayerUpdate:
        depthwise = self.depthwise[:, channels]
        pointwise = self.weights[channels][:, :, units]
        count = pointwise.shape[-1]
        weights = {
            "depthwise_kernel": depthwise.reshape(*self._window, *depthwise.shape[1:]),
            "pointwise_kernel": pointwise.reshape(*self._ones, -1, count),
        }
        return self._with_bias(LayerUpdate({"filters": count}, weights), units)


class DepthwiseKernel(KernelArrays):
    """The kernel of a depthwise convolution: unit `c * multiplier + m` reads channel `c` only.

    y[c, m] = activation(bias[c, m] + sum_k weights[k, c, m] x_k[c])
    """

    names = ("depthwise",)

    def _units(self) -> int:
        *_, channels, multiplier = self.layer.kernel.shape
        return channels * multiplier

    def _read(self) -> None:
        super()._read()
        self.multiplier = self.weights.shape[-1]

    def unit_sizes(self) -> np.ndarray:
        return np.abs(self.weights).max(axis=0).reshape(-1)

    def add_constants(self, constants: np.ndarray) -> None:
        self.bias = self.bias + np.einsum("c,kcm->cm", constants, self.weights).reshape(-1)

    def scale_units(self, scale: np.ndarray) -> None:
        self.weights = self.weights * scale.reshape(-1, self.multiplier)

    def change(self, channels: _Mask = _ALL, units: _Mask = _ALL) -> LayerUpdate:
        kernel = self.weights[:, channels]
        kernel = kernel.reshape(*self._window, *kernel.shape[1:])
        return self._with_bias(LayerUpdate({}, {"kernel": kernel}), units)


_KERNELS: dict[str, type[KernelArrays]] = {
    "Dense": KernelArrays,
    **dict.fromkeys((*Kind.CONVOLUTION.value, *Kind.TRANSPOSED_CONVOLUTION.value), KernelArrays),
    **dict.fromkeys(Kind.SEPARABLE_CONVOLUTION.value, SeparableKernel),
    **dict.fromkeys(Kind.DEPTHWISE_CONVOLUTION.value, DepthwiseKernel),
}


def kernel_of(layer: Any) -> KernelArrays | str | None:
    """Return the kernel of a layer, the reason why it must not change, or None if it has none.

    Subclasses of Keras' layers have none, since they may compute something else.
    """
    made_by = _KERNELS.get(type(layer).__name__)
    if made_by is None or kind_of(layer, exact=True) is None:
        return None
    if layer.quantization_mode is not None:
        return "is quantized"
    if getattr(layer, "lora_enabled", False):
        return "has LoRA weights"
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return "has its channels first"
    return made_by(layer)


def numbers(weight: Any) -> np.ndarray:
    """Return a copy of a weight in float64."""
    return np.array(keras.ops.convert_to_numpy(weight), "float64")
