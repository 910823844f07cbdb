"""Predictors that answer from a format other than the SavedModel."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ...core.checks import message
from ..errors import ExportError
from ..heads import ClassificationHead, Head, head_from_dict
from ..predictor import Predictor, Runtime, decoded
from ..saved_model import FOLDER, HEAD, formats_in, read_specs
from ..servable import SIGNATURE
from ..specs import SignatureSpecs
from .format import Engine
from .litert import LiteRTEngine
from .onnx import ONNXEngine
from .openvino import OpenVINOEngine

_CLASS_NAMES = "class_names.json"  # of versions from before there were other tasks
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
    head = _head(directory.parent)
    expected = (sorted(specs.inputs), sorted(specs.outputs.keys() - set(head.text_answers)))
    if received != expected:
        raise ExportError(
            f"format {name}: The inputs and outputs must be {expected}. Received: {received}"
        )
    return Predictor(_FormatRuntime(engine, head, specs), version)


def _head(folder: Path) -> Head:
    if not (folder / HEAD).exists() and (folder / _CLASS_NAMES).exists():
        return ClassificationHead(tuple(json.loads((folder / _CLASS_NAMES).read_text("utf-8"))))
    return head_from_dict(json.loads((folder / HEAD).read_text("utf-8")))


class _FormatRuntime(Runtime):
    """An engine and the head, whose text the format itself cannot hold."""

    def __init__(self, engine: Engine, head: Head, specs: SignatureSpecs):
        self._engine = engine
        self._lock = threading.Lock()  # engines are not thread-safe
        self.head = head
        self.specs = {SIGNATURE: specs}

    def answer(self, signature: str, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with self._lock:
            numbers = self._engine(features)
        text = self.head.text({name: tf.constant(array) for name, array in numbers.items()})
        return {**numbers, **{name: decoded(tensor.numpy()) for name, tensor in text.items()}}
