"""Strengths that change during training."""

from .adaptive_penalty import AdaptivePenalty
from .schedule import Schedule

__all__ = ["AdaptivePenalty", "Schedule"]
