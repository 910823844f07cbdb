"""Callbacks for any Keras model: they know nothing of the zoo."""

from .backup_and_restore import BackupAndRestore
from .early_stopping import EarlyStopping
from .gradient_norms import GradientNorms
from .penalty import weight_penalty
from .proximal_penalty import ProximalPenalty
from .sharpness_probe import SharpnessProbe
from .stopwatch import Stopwatch

__all__ = [
    "BackupAndRestore",
    "EarlyStopping",
    "GradientNorms",
    "ProximalPenalty",
    "SharpnessProbe",
    "Stopwatch",
    "weight_penalty",
]
