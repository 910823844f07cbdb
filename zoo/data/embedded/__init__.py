"""Data sets made on the spot from installed packages, each also a TensorFlow Datasets builder."""

import importlib

import tensorflow_datasets as tfds

from ..source import Source
from ..split import ArraySplit

EMBEDDED = ("breast_cancer", "digits", "mnist1d")

__all__ = ["EMBEDDED", "read_embedded", "register_builder"]


def read_embedded(name: str) -> Source:
    """Return an embedded data set, straight from the arrays of its package."""
    register_builder(name)
    builder = tfds.builder_cls(name)
    splits = {part: ArraySplit(x, y.astype("int32")) for part, (x, y) in builder.arrays().items()}
    return Source(f"{name}/{builder.VERSION}", tuple(builder.class_names), **splits)


def register_builder(name: str) -> None:
    """Make the embedded data set `name` known to TensorFlow Datasets."""
    importlib.import_module(f".{name}", __package__)
