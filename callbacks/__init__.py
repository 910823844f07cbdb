"""Callbacks for any Keras model."""

from . import schedules
from .averaging import BatchNormReestimation, Snapshots, WeightAverage
from .backup_and_restore import BackupAndRestore
from .diagnosis import Diagnosis, Verdict, baseline_loss, diagnose
from .ledger import LossLedger
from .penalty import weight_penalty
from .probes import GradientNorms, SharpnessProbe
from .sparsity import ProximalPenalty
from .stopping import EarlyStopping, GeneralizationLoss, SuccessiveIncreases
from .stopwatch import Stopwatch
from .strengths import AdaptivePenalty, Schedule
from .tensorboard import TensorBoard

__all__ = [
    "AdaptivePenalty",
    "BackupAndRestore",
    "BatchNormReestimation",
    "Diagnosis",
    "EarlyStopping",
    "GeneralizationLoss",
    "GradientNorms",
    "LossLedger",
    "ProximalPenalty",
    "Schedule",
    "SharpnessProbe",
    "Snapshots",
    "Stopwatch",
    "SuccessiveIncreases",
    "TensorBoard",
    "Verdict",
    "WeightAverage",
    "baseline_loss",
    "diagnose",
    "schedules",
    "weight_penalty",
]
