"""Callbacks for any Keras model: they know nothing of the zoo."""

from .backup_and_restore import BackupAndRestore
from .early_stopping import EarlyStopping
from .penalty import weight_penalty
from .stopwatch import Stopwatch

__all__ = ["BackupAndRestore", "EarlyStopping", "Stopwatch", "weight_penalty"]
