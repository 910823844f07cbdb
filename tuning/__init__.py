"""Tuning: KerasTuner searches the regularization of a model, by the one-standard-error rule."""

from .choice import Candidate, Tuning
from .tune import tune

__all__ = ["Candidate", "Tuning", "tune"]
