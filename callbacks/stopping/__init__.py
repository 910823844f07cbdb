"""Early stopping, and the criteria that it can stop by."""

from .criteria import GeneralizationLoss, SuccessiveIncreases
from .early_stopping import EarlyStopping

__all__ = ["EarlyStopping", "GeneralizationLoss", "SuccessiveIncreases"]
