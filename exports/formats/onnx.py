"""ONNX: one file for ONNX Runtime and other runtimes that read the open format."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..servable import SIGNATURE
from .format import Engine, Format, import_package

_FILE = "model.onnx"
_OPSET = 17  # of 2022; tf2onnx 1.17 writes up to 18


class ONNX(Format):
    """The Open Neural Network Exchange, opset 17: `formats/onnx/model.onnx`.

    Converted from the SavedModel, since Keras' own export gives a model with a `Normalization`
    layer three inputs.

    Example:

    >>> from occam import exports
    >>> exports.ONNX().approximate
    False

    Reference: https://onnx.ai
    """

    name = "onnx"
    packages = ("tf2onnx", "onnxruntime")

    def write(self, saved_model: Path, directory: Path) -> None:
        """Write `model.onnx`."""
        tf2onnx = import_package("tf2onnx", self.name)
        # `from_function` would turn each captured constant into an input.
        graph, inputs, outputs, names = tf2onnx.tf_loader.from_saved_model(
            str(saved_model), None, None, "serve", [SIGNATURE], return_tensors_to_rename=True
        )
        logger = tf.get_logger()
        level = logger.level
        logger.setLevel(logging.ERROR)  # tf2onnx 1.17 calls deprecated functions
        try:
            tf2onnx.convert.from_graph_def(
                graph,
                input_names=inputs,
                output_names=outputs,
                tensors_to_rename=names,
                opset=_OPSET,
                output_path=str(directory / _FILE),
            )
        finally:
            logger.setLevel(level)


class ONNXEngine(Engine):
    """`model.onnx` in ONNX Runtime, on the CPU."""

    def __init__(self, directory: Path):
        runtime = import_package("onnxruntime", directory.name)
        self._session: Any = runtime.InferenceSession(
            str(directory / _FILE), providers=["CPUExecutionProvider"]
        )
        self.inputs = {tensor.name for tensor in self._session.get_inputs()}
        self.outputs = {tensor.name for tensor in self._session.get_outputs()}

    def __call__(self, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        names = sorted(self.outputs)
        return dict(zip(names, self._session.run(names, dict(features)), strict=True))
