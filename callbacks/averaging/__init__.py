"""Averages of weights and of the statistics of BatchNorm."""

from .batch_norm_reestimation import BatchNormReestimation
from .weight_average import WeightAverage

__all__ = ["BatchNormReestimation", "WeightAverage"]
