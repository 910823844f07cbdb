"""Data sets made on the spot from installed packages, each also a TensorFlow Datasets builder."""

import importlib
from typing import Any

import tensorflow_datasets as tfds

from ...tasks import Task
from ..arrays import source_of_arrays
from ..source import Source

EMBEDDED = ("breast_cancer", "diabetes", "digits", "friedman1", "mnist1d", "reviews", "tags")

__all__ = ["EMBEDDED", "read_embedded", "register_builder"]


def read_embedded(name: str, *, task: Task | str | None = None) -> Source:
    """Return an embedded data set, straight from the arrays of its package.

    Args:
        name: The name of the data set.
        task: As in `load_data`; by default that of the data set.
    """
    register_builder(name)
    builder: Any = tfds.builder_cls(name)  # an EmbeddedBuilder
    if task is None or task == builder.task().kind:
        task = builder.task()
    return source_of_arrays(f"{name}/{builder.VERSION}", builder.arrays(), task=task)


def register_builder(name: str) -> None:
    """Make the embedded data set `name` known to TensorFlow Datasets."""
    importlib.import_module(f".{name}", __package__)
