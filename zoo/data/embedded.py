"""The names of the embedded data sets."""

import importlib

__all__ = ["EMBEDDED", "register_builder"]

EMBEDDED = ("breast_cancer", "digits", "mnist1d")


def register_builder(name: str) -> None:
    """Makes the embedded data set `name` known to TensorFlow Datasets."""
    importlib.import_module(f".builders.{name}", __package__)
