"""Models made smaller for serving, with the same answers."""

from .fold_batch_norm import fold_batch_norm
from .report import Compaction, LayerChange, Refusal
from .shrink import shrink
from .speed import row_seconds

__all__ = ["Compaction", "LayerChange", "Refusal", "fold_batch_norm", "row_seconds", "shrink"]
