"""Surgery on models that exist already: regularization put in, and taken out again."""

from .regularize import regularize
from .report import SurgeryReport
from .strip import strip

__all__ = ["SurgeryReport", "regularize", "strip"]
