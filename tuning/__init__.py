"""KerasTuner chooses the penalties: by the data loss, and of equals the most regularized."""

from .candidate import Candidate
from .tune import tune
from .tuning import Tuning

__all__ = ["Candidate", "Tuning", "tune"]
