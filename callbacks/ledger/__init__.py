"""`LossLedger`: the data loss and the penalty of each epoch."""

from .loss_ledger import LossLedger, evaluate

__all__ = ["LossLedger", "evaluate"]
