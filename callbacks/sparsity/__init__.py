"""`ProximalPenalty`: exact zeros."""

from .proximal_penalty import ProximalPenalty

__all__ = ["ProximalPenalty"]
