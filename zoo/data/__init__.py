"""Data for training: arrays, tables, texts, images and datasets, split and standardized."""

from .data import Data
from .embedded import EMBEDDED
from .load import load_data
from .source import DataError

__all__ = ["EMBEDDED", "Data", "DataError", "load_data"]
