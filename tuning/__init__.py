"""Tuning: KerasTuner searches the regularization of a model, by the one-standard-error rule."""

from .choice import Candidate, Tuning
from .penalty_space import PenaltySpace
from .tune import tune
from .tuner import Tuner

__all__ = ["Candidate", "PenaltySpace", "Tuner", "Tuning", "tune"]
