"""Averages of weights, of predictions and of the statistics of BatchNorm."""

from .batch_norm_reestimation import BatchNormReestimation
from .snapshots import Snapshots
from .weight_average import WeightAverage

__all__ = ["BatchNormReestimation", "Snapshots", "WeightAverage"]
