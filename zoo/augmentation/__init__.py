"""Layers that change samples at random in training, and what puts them into tf.data."""

from .augment import augment
from .cutmix import CutMix
from .feature_noise import FeatureNoise
from .label_smoothing import LabelSmoothing
from .mix import Mix
from .mixup import MixUp
from .pipeline import Pipeline
from .rand_augment import RandAugment
from .random_erasing import RandomErasing
from .random_scale_1d import RandomScale1D
from .random_shift_1d import RandomShift1D
from .resolve import AUGMENTATIONS, resolve_augmentation
from .time_warp import TimeWarp
from .trivial_augment import TrivialAugment

__all__ = [
    "AUGMENTATIONS",
    "CutMix",
    "FeatureNoise",
    "LabelSmoothing",
    "Mix",
    "MixUp",
    "Pipeline",
    "RandAugment",
    "RandomErasing",
    "RandomScale1D",
    "RandomShift1D",
    "TimeWarp",
    "TrivialAugment",
    "augment",
    "resolve_augmentation",
]
