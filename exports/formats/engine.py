"""`Engine`: a written format, opened by its own runtime."""

import abc
from collections.abc import Mapping
from pathlib import Path

import numpy as np

__all__ = ["OUTPUTS", "Engine"]

OUTPUTS = ("class_id", "probabilities")


class Engine(abc.ABC):
    """A written format, opened by its own runtime.

    Args:
        directory: into which the format was written.

    Attributes:
        inputs: the names of the inputs.
        outputs: the names of the outputs.

    Raises:
        ExportError: the runtime is not installed.
    """

    inputs: set[str]
    outputs: set[str]

    @abc.abstractmethod
    def __init__(self, directory: Path): ...

    @abc.abstractmethod
    def __call__(self, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """`class_id` and `probabilities` of one or more rows; one call at a time."""
