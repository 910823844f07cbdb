"""`lint`: rules for what goes wrong with regularization, and the findings that they make."""

from .finding import Finding
from .lint import lint
from .rule import RULES, Rule

__all__ = ["RULES", "Finding", "Rule", "lint"]
