"""Tuning: KerasTuner searches the regularization of a model, by the one-standard-error rule."""

from .choice import Candidate, Tuning
from .optuna_oracle import OptunaOracle
from .penalty_space import PenaltySpace
from .tune import tune
from .tuner import Tuner

__all__ = ["Candidate", "OptunaOracle", "PenaltySpace", "Tuner", "Tuning", "tune"]
