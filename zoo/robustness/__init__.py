"""Robustness: adversarial attacks, corruptions, and the curvature of the loss."""

from .apgd import apgd
from .attack import AttackResult
from .auto_attack import auto_attack, gradient_masking
from .fab import fab
from .gradient_attacks import fgsm, pgd
from .robust_accuracy import RobustnessCurve, robust_accuracy
from .square import square

__all__ = [
    "AttackResult",
    "RobustnessCurve",
    "apgd",
    "auto_attack",
    "fab",
    "fgsm",
    "gradient_masking",
    "pgd",
    "robust_accuracy",
    "square",
]
