"""OpenVINO: Intel's runtime, mainly for its processors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .format import Engine, Format, import_package

_FILE = "model.xml"  # and the weights beside it, in `model.bin`


class OpenVINO(Format):
    """OpenVINO's intermediate representation: `formats/openvino/model.xml` and `model.bin`.

    The weights are kept in float32; OpenVINO's own default is float16. If you load the files
    yourself, pass `{"INFERENCE_PRECISION_HINT": "f32"}` to the runtime.

    OpenVINO sends telemetry when it is imported; `opt_in_out --opt_out` disables it for a user.

    Example:

    >>> from occam import exports
    >>> exports.OpenVINO().approximate
    False

    Reference: https://docs.openvino.ai
    """

    name = "openvino"
    packages = ("openvino",)

    def write(self, saved_model: Path, directory: Path) -> None:
        """Write `model.xml` and `model.bin`."""
        openvino = import_package("openvino", self.name)
        # `convert_model` does the same but is slower.
        model = openvino.Core().read_model(str(saved_model))
        openvino.save_model(model, str(directory / _FILE), compress_to_fp16=False)


class OpenVINOEngine(Engine):
    """`model.xml` in OpenVINO's runtime, on the CPU and in float32."""

    def __init__(self, directory: Path):
        core = import_package("openvino", directory.name).Core()
        hint = {"INFERENCE_PRECISION_HINT": "f32"}
        self._model: Any = core.compile_model(str(directory / _FILE), "CPU", hint)
        self.inputs = {name for tensor in self._model.inputs for name in tensor.names}
        self.outputs = {name for tensor in self._model.outputs for name in tensor.names}

    def __call__(self, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        answer = self._model(dict(features))
        return {name: answer[name] for name in self.outputs}
