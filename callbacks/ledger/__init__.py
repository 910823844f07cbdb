"""`LossLedger`: the data loss and the penalty of each epoch."""

from .loss_ledger import LossLedger

__all__ = ["LossLedger"]
