"""`Format`: one of the ways in which an export is written besides the SavedModel."""

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import tensorflow as tf

from ..errors import ExportError
from .extra import needed

__all__ = ["Format", "precision_of"]

_PRECISION = {"float16": "float16", "dynamic": "int8", "int8": "int8"}  # by the name's second part


def precision_of(name: str) -> str:
    """The shortest dtype in which the weights of a format are kept, `"float32"` if it is exact."""
    return _PRECISION.get(name.partition("_")[2], "float32")


class Format(abc.ABC):
    """From a SavedModel with the numbers of `serving_default` to files for another runtime.

    The preprocessing stays inside, inputs and outputs keep their names. There is no text in it:
    `label` is what `formats/class_names.json` calls the `class_id`.

    Attributes:
        name: of its directory in `formats/`.
        packages: what it takes to write it and to answer from it, as they are imported.
    """

    name: str
    packages: ClassVar[tuple[str, ...]]

    @property
    def approximate(self) -> bool:
        """Whether the weights are kept in fewer bits, so that answers differ by more than 1e-5."""
        return precision_of(self.name) != "float32"

    def check(self, specs: Mapping[str, tf.TensorSpec]) -> None:
        """Refuses what cannot be written, before anything expensive is done.

        Args:
            specs: the inputs by name.

        Raises:
            ExportError: a package is missing, or an input is text.
        """
        for package in self.packages:
            needed(package, self.name)
        if text := [name for name, spec in specs.items() if spec.dtype == tf.string]:
            raise ExportError(
                f"format {self.name}: Expected inputs that are numbers. Received: {text}, which "
                "are text, for which only the SavedModel has operations"
            )

    @abc.abstractmethod
    def write(self, saved_model: Path, directory: Path) -> None:
        """Writes the SavedModel as this format into an empty directory."""
