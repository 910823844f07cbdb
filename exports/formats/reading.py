"""Predictors that answer from a format other than the SavedModel."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...core.checks import message
from ..errors import ExportError
from ..predictor import Predictor, Runtime
from ..saved_model import CLASS_NAMES, FOLDER, formats_in, read_specs
from ..servable import SIGNATURE
from ..specs import SignatureSpecs
from .format import OUTPUTS, Engine
from .litert import LiteRTEngine
from .onnx import ONNXEngine
from .openvino import OpenVINOEngine

_ENGINES: dict[str, type[Engine]] = {
    "litert": LiteRTEngine,
    "onnx": ONNXEngine,
    "openvino": OpenVINOEngine,
}


def open_format(path: Path, name: str, version: int | None = None) -> Predictor:
    """Return a predictor from a format of the version at `path`."""
    if name not in (found := formats_in(path)):
        raise ExportError(message("format", name, f"one of {found} in {path}"))
    directory = path / FOLDER / name
    specs = read_specs(path)[SIGNATURE]
    try:
        engine = _ENGINES[name.partition("_")[0]](directory)
    except ExportError:
        raise
    except Exception as error:  # runtimes raise errors of any kind
        raise ExportError(f"format {name}: Could not open {directory}: {error}") from error
    received = (sorted(engine.inputs), sorted(engine.outputs))
    expected = (sorted(specs.inputs), sorted(OUTPUTS))
    if received != expected:
        raise ExportError(
            f"format {name}: The inputs and outputs must be {expected}. Received: {received}"
        )
    names = json.loads((directory.parent / CLASS_NAMES).read_text("utf-8"))
    return Predictor(_FormatRuntime(engine, tuple(names), specs), version)


class _FormatRuntime(Runtime):
    """An engine and the class names, which the format itself cannot hold."""

    def __init__(self, engine: Engine, class_names: tuple[str, ...], specs: SignatureSpecs):
        self._engine = engine
        self._lock = threading.Lock()  # engines are not thread-safe
        self._names = np.array(class_names)
        self.class_names = class_names
        self.specs = {SIGNATURE: specs}

    def answer(self, signature: str, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with self._lock:
            numbers = self._engine(features)
        return {**numbers, "label": self._names[numbers["class_id"]]}
