"""Diagnose a training from its loss curves: one verdict, its evidence and advice."""

from .baseline_loss import baseline_loss
from .diagnose import Verdict, diagnose
from .diagnosis import Diagnosis

__all__ = ["Diagnosis", "Verdict", "baseline_loss", "diagnose"]
