"""`Regularization`: every penalty, rate and strength of a model in one object, group by group."""

from .fields import Choice, Strength
from .regularization import Regularization

__all__ = ["Choice", "Regularization", "Strength"]
