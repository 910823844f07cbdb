"""Robustness: adversarial attacks, corruptions, and the curvature of the loss."""

from .apgd import apgd
from .attack import AttackResult
from .auto_attack import auto_attack, gradient_masking
from .corruption_accuracy import CorruptionAccuracy, corruption_accuracy
from .corruptions import corrupt, list_corruptions
from .fab import fab
from .gradient_attacks import fgsm, pgd
from .robust_accuracy import RobustnessCurve, robust_accuracy
from .square import square

__all__ = [
    "AttackResult",
    "CorruptionAccuracy",
    "RobustnessCurve",
    "apgd",
    "auto_attack",
    "corrupt",
    "corruption_accuracy",
    "fab",
    "fgsm",
    "gradient_masking",
    "list_corruptions",
    "pgd",
    "robust_accuracy",
    "square",
]
