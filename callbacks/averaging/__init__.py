"""`WeightAverage`: averages of the weights on their way."""

from .weight_average import WeightAverage

__all__ = ["WeightAverage"]
