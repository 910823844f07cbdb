"""Data: embedded sets, TensorFlow Datasets, `.npz` files and folders of images."""

from .data import Data
from .embedded import EMBEDDED
from .load import load_data
from .source import DataError

__all__ = ["EMBEDDED", "Data", "DataError", "load_data"]
