"""Training: an engine that the tuner shares, and the run directory that it fills."""

from .run import Run
from .samples import samples
from .sharpness_aware import SharpnessAware
from .train import train

__all__ = ["Run", "SharpnessAware", "samples", "train"]
