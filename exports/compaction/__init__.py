"""Models made smaller for serving, with the same answers."""

from .fold_batch_norm import fold_batch_norm
from .report import Compaction, LayerChange, Refusal
from .shrink import shrink

__all__ = ["Compaction", "LayerChange", "Refusal", "fold_batch_norm", "shrink"]
