"""The files of a version: its SavedModel, loaded or just read, and its other formats."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from .errors import ExportError
from .heads import ClassificationHead, head_from_dict
from .predictor import Predictor, Runtime, decoded
from .servable import SIGNATURE
from .specs import SignatureSpecs

FOLDER = "formats"
HEAD = "head.json"  # of the formats, which hold no text


class SavedModel(Runtime):
    """A SavedModel loaded by TensorFlow; a `ValueError` if `export` did not write it."""

    def __init__(self, path: Path):
        # Signatures hold weak references to the variables; the model keeps them alive.
        self.model: Any = tf.saved_model.load(str(path))
        if hasattr(self.model, "head"):
            self.head = head_from_dict(json.loads(self.model.head().numpy()))
        elif hasattr(self.model, "class_names"):  # written before there were other tasks
            names = self.model.class_names().numpy()
            self.head = ClassificationHead(tuple(name.decode() for name in names))
        else:
            raise ValueError(f"Could not load {path}: `export` did not write this SavedModel.")
        others = sorted(set(self.model.signatures) - {SIGNATURE})
        self.specs = {name: _specs(self.model.signatures[name]) for name in (SIGNATURE, *others)}

    def answer(self, signature: str, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs by name."""
        # An array without rows needs an explicit shape.
        tensors = {n: tf.constant(x, dtype_of(x), x.shape) for n, x in features.items()}
        outputs = self.model.signatures[signature](**tensors)
        return {name: decoded(tensor.numpy()) for name, tensor in outputs.items()}


def open_version(path: Path, version: int | None = None) -> Predictor:
    """Return the predictor of the SavedModel at `path`, published or not."""
    try:
        return Predictor(SavedModel(path), version)
    except ValueError:
        raise
    except Exception as error:  # TensorFlow may raise anything
        problem = error if path.is_dir() else "the directory does not exist"
        raise ExportError(f"Could not load a SavedModel from {path}: {problem}") from error


def read_meta_graph(path: Path) -> Any:
    """Return the `MetaGraphDef` of the SavedModel at `path`.

    Raises:
        OSError, DecodeError, IndexError: If `saved_model.pb` is missing, broken or without graph.
    """
    content = (path / "saved_model.pb").read_bytes()
    return saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]


def read_specs(path: Path) -> dict[str, SignatureSpecs]:
    """Return the specs of the signatures at `path` without loading it; raise as above."""
    return {
        name: SignatureSpecs(_read(definition.inputs), _read(definition.outputs))
        for name, definition in sorted(read_meta_graph(path).signature_def.items())
        if not name.startswith("__")
    }


def formats_in(path: Path) -> list[str]:
    """Return the names of the other formats of the version at `path`."""
    return sorted(entry.name for entry in (path / FOLDER).glob("*") if entry.is_dir())


def format_files(path: Path) -> dict[str, dict[str, int]]:
    """Return the sizes in bytes of the files of each other format, by format and file name."""
    return {
        name: {file.name: file.stat().st_size for file in sorted((path / FOLDER / name).iterdir())}
        for name in formats_in(path)
    }


def proto_of(array: np.ndarray) -> Any:
    """Return the `TensorProto` of an array of numbers, or of bytes as objects."""
    return tf.make_tensor_proto(array, dtype_of(array), array.shape)


def dtype_of(array: np.ndarray) -> tf.DType:
    """Return the dtype of TensorFlow for an array; arrays of objects hold strings."""
    return tf.string if array.dtype == object else tf.dtypes.as_dtype(array.dtype)


def _read(infos: Any) -> dict[str, tf.TensorSpec]:
    return {
        name: tf.TensorSpec(tf.TensorShape(info.tensor_shape), tf.dtypes.as_dtype(info.dtype), name)
        for name, info in sorted(infos.items())
    }


def _specs(signature: Any) -> SignatureSpecs:
    # Sorted, since TensorFlow 2.21 lists loaded inputs in an order that differs by process.
    inputs = dict(sorted(signature.structured_input_signature[1].items()))
    return SignatureSpecs(inputs, dict(sorted(signature.structured_outputs.items())))
