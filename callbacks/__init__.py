"""Callbacks for any Keras model: they know nothing of the zoo."""

from . import schedules
from .adaptive_penalty import AdaptivePenalty
from .backup_and_restore import BackupAndRestore
from .diagnosis import Diagnosis, Verdict, baseline_loss, diagnose
from .early_stopping import EarlyStopping
from .gradient_norms import GradientNorms
from .ledger import LossLedger
from .penalty import weight_penalty
from .proximal_penalty import ProximalPenalty
from .schedule import Schedule
from .sharpness_probe import SharpnessProbe
from .stopwatch import Stopwatch
from .tensorboard import TensorBoard
from .weight_average import WeightAverage

__all__ = [
    "AdaptivePenalty",
    "BackupAndRestore",
    "Diagnosis",
    "EarlyStopping",
    "GradientNorms",
    "LossLedger",
    "ProximalPenalty",
    "Schedule",
    "SharpnessProbe",
    "Stopwatch",
    "TensorBoard",
    "Verdict",
    "baseline_loss",
    "diagnose",
    "schedules",
    "WeightAverage",
    "weight_penalty",
]
