"""Training: the engine, which the tuner shares, and the run directory that it fills."""

from .run import Run
from .sharpness_aware import SharpnessAware
from .train import train
from .train_transform import train_transform

__all__ = ["Run", "SharpnessAware", "train", "train_transform"]
