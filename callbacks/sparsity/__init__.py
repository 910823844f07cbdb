"""`ProximalPenalty`: penalties that make weights exactly zero."""

from .proximal_penalty import ProximalPenalty

__all__ = ["ProximalPenalty"]
