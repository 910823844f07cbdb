"""Layers that act in training only and whose strengths can be changed at any time."""

from .dropout import Dropout
from .stochastic_depth import StochasticDepth, linear_depth_rates

__all__ = ["Dropout", "StochasticDepth", "linear_depth_rates"]
