"""The parts of `occam.callbacks.EarlyStopping`, one question each."""

from .best_weights import BestWeights, are_finite
from .criteria import make_criterion
from .generalization_loss import GeneralizationLoss
from .improvement import Improvement
from .panel import Panel
from .patience import Patience
from .smoothing import ExponentialAverage, MovingMedian, make_smoothing
from .successive_increases import SuccessiveIncreases
from .watched import Watched

__all__ = [
    "BestWeights",
    "ExponentialAverage",
    "GeneralizationLoss",
    "Improvement",
    "MovingMedian",
    "Panel",
    "Patience",
    "SuccessiveIncreases",
    "Watched",
    "are_finite",
    "make_criterion",
    "make_smoothing",
]
