"""Heads: what the outputs of a model mean, and what an export answers for them."""

from .classification import ClassificationHead
from .head import HEADS, Arrays, Head, head_from_dict
from .multilabel import MultilabelHead
from .outputs import OutputsHead
from .regression import RegressionHead

__all__ = [
    "HEADS",
    "Arrays",
    "ClassificationHead",
    "Head",
    "MultilabelHead",
    "OutputsHead",
    "RegressionHead",
    "head_from_dict",
]
