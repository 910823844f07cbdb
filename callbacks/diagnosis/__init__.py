"""What a training's curves say: one verdict, its evidence, and what to change."""

from .baseline_loss import baseline_loss
from .diagnose import diagnose
from .diagnosis import Diagnosis
from .verdict import Verdict

__all__ = ["Diagnosis", "Verdict", "baseline_loss", "diagnose"]
