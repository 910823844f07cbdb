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

OUTPUTS = ("class_id", "probabilities")
_PRECISION = {"float16": "float16", "dynamic": "int8", "int8": "int8"}  # by the name's second part


class Format(abc.ABC):
    """Writes a SavedModel with the numbers of `serving_default` as files for another runtime.

    The preprocessing stays inside, inputs and outputs keep their names. A format holds no text:
    the `label` of a `class_id` stands in `formats/class_names.json`.

    Attributes:
        name: Name of its directory in `formats/`.
        packages: Packages that writing and answering need, as they are imported.

    Example:

    >>> from occam import exports
    >>> [format.name for format in (exports.ONNX(), exports.LiteRT("float16"))]
    ['onnx', 'litert_float16']
    """

    name: str
    packages: ClassVar[tuple[str, ...]]

    @property
    def approximate(self) -> bool:
        """Whether the weights are kept in fewer bits, so that answers differ by more than 1e-5."""
        return precision_of(self.name) != "float32"

    def check(self, specs: Mapping[str, tf.TensorSpec]) -> None:
        """Raise an error for a model that cannot be written, before anything expensive is done.

        Args:
            specs: Inputs by name.

        Raises:
            ExportError: If a package is missing, or an input is text.
        """
        for package in self.packages:
            needed(package, self.name)
        if text := [name for name, spec in specs.items() if spec.dtype == tf.string]:
            raise ExportError(
                f"format {self.name}: Expected inputs that are numbers. Received: {text}, which "
                "are text; only the SavedModel supports text"
            )

    @abc.abstractmethod
    def write(self, saved_model: Path, directory: Path) -> None:
        """Write the SavedModel as this format into an empty directory."""


class Engine(abc.ABC):
    """A written format, opened by its own runtime.

    Args:
        directory: Directory of the written format.

    Attributes:
        inputs: Names of the inputs.
        outputs: Names of the outputs.

    Raises:
        ExportError: If the runtime is not installed.
    """

    inputs: set[str]
    outputs: set[str]

    @abc.abstractmethod
    def __init__(self, directory: Path): ...

    @abc.abstractmethod
    def __call__(self, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return `class_id` and `probabilities` of one or more rows; one call at a time."""


def precision_of(name: str) -> str:
    """Return the shortest dtype of the weights of a format, `"float32"` if it is exact."""
    return _PRECISION.get(name.partition("_")[2], "float32")


def needed(package: str, name: str) -> ModuleType:
    """Import a package that the format `name` needs.

    Raises:
        ExportError: If it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ExportError(
            f"format {name}: Expected the package {package.partition('.')[0]}, from "
            f"`pip install 'keras-occam[formats]'`. Received: {error}"
        ) from error
