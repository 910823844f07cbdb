"""Layers that change samples at random in training, and their use in tf.data."""

from .augment import augment
from .feature_noise import FeatureNoise
from .label_smoothing import LabelSmoothing
from .mixing import CutMix, Mix, MixUp
from .pipeline import AUGMENTATIONS, Pipeline, resolve_augmentation
from .rand_augment import RandAugment, TrivialAugment
from .random_erasing import RandomErasing
from .series import RandomScale1D, RandomShift1D, TimeWarp

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
