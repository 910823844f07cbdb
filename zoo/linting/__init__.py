"""`lint`: rules for what goes wrong with regularization, and the findings that they make."""

from .lint import lint
from .rule import RULES, Finding, Rule

__all__ = ["RULES", "Finding", "Rule", "lint"]
