"""Data: embedded sets, TensorFlow Datasets, `.npz` files and folders of images."""

from .data import Data
from .embedded import EMBEDDED
from .errors import DataError
from .load import load_data

__all__ = ["EMBEDDED", "Data", "DataError", "load_data"]
