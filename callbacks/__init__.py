"""Callbacks for any Keras model: they know nothing of the zoo."""

from . import schedules
from .averaging import WeightAverage
from .backup_and_restore import BackupAndRestore
from .diagnosis import Diagnosis, Verdict, baseline_loss, diagnose
from .ledger import LossLedger
from .penalty import weight_penalty
from .probes import GradientNorms, SharpnessProbe
from .sparsity import ProximalPenalty
from .stopping.early_stopping import EarlyStopping
from .stopwatch import Stopwatch
from .strengths import AdaptivePenalty, Schedule
from .tensorboard import TensorBoard

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
    "WeightAverage",
    "baseline_loss",
    "diagnose",
    "schedules",
    "weight_penalty",
]
