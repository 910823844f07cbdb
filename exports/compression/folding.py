"""Folding of batch normalization into the kernel before it or after it."""

import keras
import numpy as np
from keras import KerasTensor

from ...core.model_graph import Call, FlatGraph
from .kernels import KernelArrays, kernel_of, numbers
from .links import channels_of, is_identity, link_of
from .rebuild import rebuild, unwrap_kernels
from .report import Compression, LayerChange, Refusal, weights_of

_LINEAR = (
    keras.layers.Flatten,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
)


class Folding:
    """The state of `fold_batch_norm` for one model."""

    def __init__(self, model: keras.Model):
        self.graph = FlatGraph(model)
        unwrap_kernels(self.graph)
        self.kernels: dict[int, KernelArrays] = {}
        self.folded: list[tuple[Call, Call]] = []  # each normalization, and the call it went into
        self.refused: list[Refusal] = []
        for call in list(self.graph.calls):
            if type(call.operation) is keras.layers.BatchNormalization:
                self._fold(call)

    def model(self) -> tuple[keras.Model, Compression]:
        """Return the folded model and the report."""
        changes = {key: kernel.change() for key, kernel in self.kernels.items()}
        smaller, copies = rebuild(self.graph, changes, {})
        described = []
        for norm, into in self.folded:
            what = f"into {into.path} ({into.kind})"
            before = weights_of(norm.operation)[0]
            added = weights_of(copies[id(into.operation)])[0] - weights_of(into.operation)[0]
            described.append(LayerChange(norm.path, norm.kind, what, before, added))
        return smaller, Compression.between(self.graph.model, smaller, described, self.refused)

    def _fold(self, call: Call) -> None:
        why = self.graph.shared.get(id(call.operation))
        if call.operation.axis not in (-1, len(call.inputs[0].shape) - 1):
            why = why or "normalizes another axis than the last"
        if why is None and (why := self._into_before(call)):
            after = self._into_after(call)
            why = after and f"{why}, and {after}"
        if why:
            channels = call.inputs[0].shape[-1] or 0
            self.refused.append(Refusal(call.path, call.kind, channels, why))

    def _into_before(self, call: Call) -> str | None:
        """Fold into the kernel before and return None, or return the reason why not."""
        makers = self.graph.makers()
        value, maker = call.inputs[0], makers.get(call.inputs[0])
        while maker and is_identity(maker) and self._only_read_once(value):
            value = maker.inputs[0]
            maker = makers.get(value)
        if maker is None:
            return "comes after an input"
        name = f"{maker.path} ({maker.kind})"
        if not self._only_read_once(value):
            return f"{name} before it is read by other layers, too"
        kernel = self._kernel(maker)
        if isinstance(kernel, str):
            return f"{name} before it {kernel}"
        if maker.operation.activation is not keras.activations.linear:
            return f"{name} before it has an activation"
        scale, shift = _affine(call.operation)
        kernel.scale_units(scale)
        kernel.bias = kernel.bias * scale + shift
        self._done(call, maker, kernel)
        return None

    def _into_after(self, call: Call) -> str | None:
        """Fold into the kernel after and return None, or return the reason why not."""
        scale, shift = _affine(call.operation)
        value = call.outputs[0]
        while True:
            if not self._only_read_once(value):
                return "its output is read by several layers, or is an output of the model"
            (reader,) = self.graph.users(value)
            source = self._passes(reader)
            if source is None:
                break
            scale, shift, value = scale[source], shift[source], reader.outputs[0]
        name = f"{reader.path} ({reader.kind})"
        kernel = self._kernel(reader)
        if isinstance(kernel, str):
            return f"{name} after it {kernel}"
        if kernel.grouped:
            return f"{name} after it is a grouped convolution"
        if kernel.sees_padding and shift.any():
            return f"{name} after it pads its input with zeros"
        kernel.add_constants(shift)
        kernel.scale_channels(scale)
        self._done(call, reader, kernel)
        return None

    def _passes(self, call: Call) -> np.ndarray | None:
        """Return the source of each output channel if `s x + t` can move past a call, else None."""
        if is_identity(call):
            return np.arange(channels_of(call.outputs[0]))
        link = link_of(call) if type(call.operation) in _LINEAR else None
        return link.sources[0] if link else None

    def _only_read_once(self, value: KerasTensor) -> bool:
        reads = sum(call.inputs.count(value) for call in self.graph.calls)
        return reads == 1 and value not in self.graph.outputs

    def _kernel(self, call: Call) -> KernelArrays | str:
        if why := self.graph.shared.get(id(call.operation)):
            return why
        kernel = self.kernels.get(id(call.operation)) or kernel_of(call.operation)
        return "has no kernel to fold into" if kernel is None else kernel

    def _done(self, norm: Call, into: Call, kernel: KernelArrays) -> None:
        self.kernels[id(into.operation)] = kernel
        self.folded.append((norm, into))
        self.graph.remove(norm)


def _affine(layer: keras.layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """Return the scale s and the shift t of batch normalization in inference."""
    mean, variance = numbers(layer.moving_mean), numbers(layer.moving_variance)
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.gamma is not None:
        scale = scale * numbers(layer.gamma)
    beta = numbers(layer.beta) if layer.beta is not None else 0.0
    return scale, beta - mean * scale
