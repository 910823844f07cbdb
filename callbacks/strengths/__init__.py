"""Strengths that change during training."""

from .adaptive_penalty import AdaptivePenalty
from .schedule_callback import Schedule

__all__ = ["AdaptivePenalty", "Schedule"]
