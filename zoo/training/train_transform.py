"""What training sees in place of the samples and labels as they are."""

from typing import Any

from ..augmentation import CutMix, LabelSmoothing, Mix, MixUp, Pipeline, resolve_augmentation
from ..augmentation.augmentation import Augmentation
from ..data import Data
from ..regularization import Regularization

__all__ = ["check_samples", "samples"]


def samples(data: Data, regularization: Regularization) -> Pipeline:
    """The layer from a batch `(x, y)` to what a training step gets.

        x <- augment(x);    x, y <- mix(x, y);    y <- smooth(y)

    with the parts of `regularization` that are on; without any, a pipeline of no layers. Where both
    `mixup` and `cutmix` are on, each step is one of them by chance.

    Args:
        data: its standardized batches are what the layer takes.
        regularization: what to do.

    Raises:
        ValueError: the data is a table and `cutmix` is on, or `augmentation` has no tier for it.
    """
    check_samples(data, regularization)
    parts = [_augmentation(data, regularization.augmentation), _mixing(data, regularization)]
    if epsilon := regularization.label_smoothing:
        parts.append(LabelSmoothing(data.num_classes, epsilon))
    return Pipeline([part for part in parts if part is not None], seed=0, name="samples")


def check_samples(data: Data, regularization: Regularization) -> None:
    """Says what of `regularization` cannot be done to samples of this shape, if anything."""
    if regularization.cutmix and len(data.input_shape) < 2:
        raise ValueError(
            f"cutmix needs series or images; in data {data.name!r} samples have the shape "
            f"{data.input_shape}, and no neighbourhoods to cut: use mixup. "
            f"Received: cutmix={regularization.cutmix:g}"
        )


def _augmentation(data: Data, tier: str) -> Augmentation | None:
    if tier == "none":
        return None
    image = len(data.input_shape) == 3
    given: dict[str, Any] = {"value_range": data.standardized_range} if image else {}
    return resolve_augmentation(tier, data.input_shape, seed=0, **given)


def _mixing(data: Data, regularization: Regularization) -> Augmentation | None:
    classes, mixup, cutmix = data.num_classes, regularization.mixup, regularization.cutmix
    if mixup and cutmix:
        return Mix(classes, mixup_alpha=mixup, cutmix_alpha=cutmix)
    if mixup:
        return MixUp(classes, mixup)
    return CutMix(classes, cutmix) if cutmix else None
