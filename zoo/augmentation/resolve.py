"""`resolve_augmentation`: what "light", "medium" and "strong" are for tables, series and images."""

from collections.abc import Callable
from typing import Any

from ..regularization.samples import AUGMENTATIONS
from .augmentation import Augmentation
from .feature_noise import FeatureNoise
from .pipeline import Pipeline
from .rand_augment import RandAugment
from .random_erasing import RandomErasing
from .random_scale_1d import RandomScale1D
from .random_shift_1d import RandomShift1D

__all__ = ["AUGMENTATIONS", "resolve_augmentation"]


def resolve_augmentation(
    tier: str,
    input_shape: tuple[int, ...],
    *,
    value_range: Any = (0, 255),
    seed: int | None = None,
) -> Pipeline:
    """The augmentation of a tier for inputs of a shape, as one layer that prints what it does.

    Tables get noise, series shifts, other amplitudes and noise, images `RandAugment` and, if
    strong, `RandomErasing`. Nothing is mirrored: of digits and letters that makes another class.

    Args:
        tier: "light", "medium" or "strong".
        input_shape: of one sample: `(features,)`, `(steps, channels)` or `(height, width,
            channels)`.
        value_range: lowest and highest value of an image's pixels, as the layer sees them.
        seed: integer seed of the draws; `None` draws one.

    Raises:
        ValueError: no such tier, or no tier for inputs of this rank.

    Example:

    >>> print(resolve_augmentation("strong", (40, 1)))
    RandomShift1D(max_shift=6, fill_mode='nearest', fill_value=0)
    RandomScale1D(factor=0.3)
    FeatureNoise(stddev=0.3)
    """
    if tier not in AUGMENTATIONS:
        raise ValueError(f"augmentation must be one of {AUGMENTATIONS}. Received: {tier!r}")
    if len(input_shape) not in _BY_RANK:
        raise ValueError(
            "augmentation expects an input shape of (features,), (steps, channels) or "
            f"(height, width, channels). Received: {input_shape}"
        )
    layers = _BY_RANK[len(input_shape)](AUGMENTATIONS.index(tier), input_shape, value_range)
    return Pipeline(layers, seed=seed, name="augmentation")


def _table(tier: int, input_shape: tuple[int, ...], value_range: Any) -> list[Augmentation]:
    return [FeatureNoise((0.05, 0.1, 0.2)[tier])]


def _series(tier: int, input_shape: tuple[int, ...], value_range: Any) -> list[Augmentation]:
    return [
        RandomShift1D(max(1, int(input_shape[0] * (0.05, 0.1, 0.15)[tier]))),
        RandomScale1D((0.1, 0.2, 0.3)[tier]),
        FeatureNoise((0.1, 0.2, 0.3)[tier]),
    ]


def _image(tier: int, input_shape: tuple[int, ...], value_range: Any) -> list[Augmentation]:
    operations = RandAugment((1, 2, 2)[tier], (5.0, 9.0, 14.0)[tier], value_range=value_range)
    erasing = [RandomErasing(0.25, value_range=value_range)] if tier == 2 else []
    return [operations, *erasing]


_BY_RANK: dict[int, Callable[..., list[Augmentation]]] = {1: _table, 2: _series, 3: _image}
