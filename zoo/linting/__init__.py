"""`lint`: rules that find mistakes in the regularization of a model."""

from .lint import lint
from .rule import RULES, Finding, Rule

__all__ = ["RULES", "Finding", "Rule", "lint"]
