"""`Regularization`: every penalty, rate and strength of a model in one object."""

from .field_kinds import Choice, Penalty, Strength
from .regularization import Regularization

__all__ = ["Choice", "Penalty", "Regularization", "Strength"]
