"""Probes: callbacks that measure a model on fixed samples, without effect on the training."""

from .gradient_norms import GradientNorms
from .sharpness_probe import SharpnessProbe

__all__ = ["GradientNorms", "SharpnessProbe"]
