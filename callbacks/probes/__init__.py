"""Probes: what is measured on given samples during training, and changes nothing."""

from .gradient_norms import GradientNorms
from .sharpness_probe import SharpnessProbe

__all__ = ["GradientNorms", "SharpnessProbe"]
