"""Callbacks for any Keras model: they know nothing of the zoo."""

from .backup_and_restore import BackupAndRestore
from .diagnosis import Diagnosis, Verdict, baseline_loss, diagnose
from .early_stopping import EarlyStopping
from .gradient_norms import GradientNorms
from .ledger import LossLedger
from .penalty import weight_penalty
from .proximal_penalty import ProximalPenalty
from .sharpness_probe import SharpnessProbe
from .stopwatch import Stopwatch
from .tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "Diagnosis",
    "EarlyStopping",
    "GradientNorms",
    "LossLedger",
    "ProximalPenalty",
    "SharpnessProbe",
    "Stopwatch",
    "TensorBoard",
    "Verdict",
    "baseline_loss",
    "diagnose",
    "weight_penalty",
]
