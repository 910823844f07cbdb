"""Training: the engine, which the tuner shares, and the run directory that it fills."""

from .cross_validation import CrossValidation, cross_validate
from .race import Race, choose_regularization
from .run import Run
from .sharpness_aware import SharpnessAware
from .train import train
from .train_transform import train_transform

__all__ = [
    "CrossValidation",
    "Race",
    "Run",
    "SharpnessAware",
    "choose_regularization",
    "cross_validate",
    "train",
    "train_transform",
]
