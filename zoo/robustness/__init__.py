"""Robustness: adversarial attacks, corruptions, and the curvature of the loss."""

from .apgd import apgd
from .attack import AttackResult
from .auto_attack import auto_attack, gradient_masking
from .corruption_accuracy import CorruptionAccuracy, corruption_accuracy
from .corruptions import corrupt, list_corruptions
from .fab import fab
from .gradient_attacks import fgsm, pgd
from .hessian import HessianEigenvalue, hessian_eigenvalue
from .loss_landscape import LossLandscape, loss_landscape
from .robust_accuracy import RobustnessCurve, robust_accuracy
from .square import square

__all__ = [
    "AttackResult",
    "CorruptionAccuracy",
    "HessianEigenvalue",
    "LossLandscape",
    "RobustnessCurve",
    "apgd",
    "auto_attack",
    "corrupt",
    "corruption_accuracy",
    "fab",
    "fgsm",
    "gradient_masking",
    "hessian_eigenvalue",
    "list_corruptions",
    "loss_landscape",
    "pgd",
    "robust_accuracy",
    "square",
]
