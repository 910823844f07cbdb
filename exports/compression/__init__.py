"""Compression for serving: smaller models that give the same answers."""

from .compress import fold_batch_norm, shrink
from .report import Compression, LayerChange, Refusal, row_seconds

__all__ = ["Compression", "LayerChange", "Refusal", "fold_batch_norm", "row_seconds", "shrink"]
