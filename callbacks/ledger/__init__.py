"""`LossLedger`: what of the loss is data and what is penalty."""

from .loss_ledger import LossLedger

__all__ = ["LossLedger"]
