"""ONNX: one file for ONNX Runtime and for what else reads the open format."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..servable import SIGNATURE
from .engine import OUTPUTS, Engine
from .extra import needed
from .format import Format

__all__ = ["ONNX", "ONNXEngine"]

_FILE = "model.onnx"
_OPSET = 17  # the newest but one that tf2onnx 1.17 writes, of 2022


class ONNX(Format):
    """The Open Neural Network Exchange, opset 17: `formats/onnx/model.onnx`.

    It is converted from the SavedModel: Keras' own export to ONNX makes three inputs of a model
    with a `Normalization` layer.

    Reference: https://onnx.ai
    """

    name = "onnx"
    packages = ("tf2onnx", "onnxruntime")

    def write(self, saved_model: Path, directory: Path) -> None:
        """Writes `model.onnx`."""
        loaded: Any = tf.saved_model.load(str(saved_model))
        signature = loaded.signatures[SIGNATURE]
        specs = signature.structured_input_signature[1]

        def answer(*tensors: tf.Tensor) -> Any:
            return signature(**dict(zip(specs, tensors, strict=True)))

        # The names in the specs become the names of the inputs.
        function = tf.function(answer, input_signature=[*specs.values()], autograph=False)
        needed("tf2onnx", self.name).convert.from_function(
            function, [*specs.values()], opset=_OPSET, output_path=str(directory / _FILE)
        )


class ONNXEngine(Engine):
    """`model.onnx` in ONNX Runtime, on the CPU."""

    def __init__(self, directory: Path):
        self._session: Any = needed("onnxruntime", directory.name).InferenceSession(
            str(directory / _FILE), providers=["CPUExecutionProvider"]
        )
        self.inputs = {tensor.name for tensor in self._session.get_inputs()}
        self.outputs = {tensor.name for tensor in self._session.get_outputs()}

    def __call__(self, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs by name."""
        return dict(zip(OUTPUTS, self._session.run(OUTPUTS, dict(features)), strict=True))
