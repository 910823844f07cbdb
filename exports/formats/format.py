"""The parts of a format: `Format` writes it, `Engine` answers from it."""

import abc
import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import tensorflow as tf

from ..errors import ExportError

_PRECISION = {"float16": "float16", "dynamic": "int8", "int8": "int8"}  # by suffix


class Format(abc.ABC):
    """A file format for another runtime, with the numbers of `serving_default`.

    It includes the preprocessing and keeps the names of inputs and outputs. Formats hold no text:
    `formats/head.json` has the names of classes, labels or targets in the order of their numbers.

    Attributes:
        name: Name of its directory in `formats/`.
        packages: Modules that writing and answering import.

    Example:

    >>> from occam import exports
    >>> [format.name for format in (exports.ONNX(), exports.LiteRT("float16"))]
    ['onnx', 'litert_float16']
    """

    name: str
    packages: ClassVar[tuple[str, ...]]

    @property
    def approximate(self) -> bool:
        """Whether the weights have fewer than 32 bits, so that answers differ by more than 1e-5."""
        return precision_of(self.name) != "float32"

    def check(self, specs: Mapping[str, tf.TensorSpec]) -> None:
        """Raise an `ExportError` if a package is missing, or an input is text."""
        for package in self.packages:
            import_package(package, self.name)
        if text := [name for name, spec in specs.items() if spec.dtype == tf.string]:
            raise ExportError(
                f"format {self.name}: `model` must have numbers as inputs, since only the "
                f"SavedModel supports text. Received: the text inputs {text}"
            )

    @abc.abstractmethod
    def write(self, saved_model: Path, directory: Path) -> None:
        """Write the SavedModel as this format into an empty directory."""


class Engine(abc.ABC):
    """A format that its own runtime has opened, with the names of its inputs and outputs."""

    inputs: set[str]
    outputs: set[str]

    @abc.abstractmethod
    def __init__(self, directory: Path): ...

    @abc.abstractmethod
    def __call__(self, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs by name for one or more rows. Not thread-safe."""


def precision_of(name: str) -> str:
    """Return the dtype of the weights of a format; `"float32"` is exact."""
    return _PRECISION.get(name.partition("_")[2], "float32")


def import_package(package: str, name: str) -> ModuleType:
    """Import a package for the format `name`; raise an `ExportError` if it is missing."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ExportError(
            f"format {name}: Could not import {package}: {error}. "
            "Run `pip install 'keras-occam[formats]'`."
        ) from error
