"""`WeightAverage`: exponential or stochastic weight averaging."""

from .weight_average import WeightAverage

__all__ = ["WeightAverage"]
