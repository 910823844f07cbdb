"""Tuning: KerasTuner searches the regularization of a model, by the one-standard-error rule."""

from .choice import Candidate, Tuning
from .gaussian_process import GaussianProcessSampler
from .optuna_oracle import OptunaOracle
from .path import penalty_path
from .path_result import PenaltyPath
from .penalty_space import PenaltySpace
from .refit import Refit
from .settings import Racing, Resources
from .tune import tune
from .tuner import Tuner

__all__ = [
    "Candidate",
    "GaussianProcessSampler",
    "OptunaOracle",
    "PenaltyPath",
    "PenaltySpace",
    "Racing",
    "Refit",
    "Resources",
    "Tuner",
    "Tuning",
    "penalty_path",
    "tune",
]
