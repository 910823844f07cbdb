"""What is done to the samples and their labels, in training."""

from dataclasses import dataclass

from .fields import Choice, Strength

__all__ = ["AUGMENTATIONS", "Samples"]

AUGMENTATIONS = ("light", "medium", "strong")


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Strengths of what training sees in place of the samples as they are."""

    augmentation: str = Choice(
        help="tier of the random changes to samples: noise for tables, shifts and scales for "
        "series, RandAugment and erasing for images",
        symbol="T",
        options=AUGMENTATIONS,
        applies_to="training",
        reference="Cubuk et al., RandAugment: Practical Automated Data Augmentation with a "
        "Reduced Search Space, 2020, https://arxiv.org/abs/1909.13719",
    ).field()
    mixup: float = Strength(
        help="pairs of samples blended by lambda ~ Beta(mixup, mixup), and their labels",
        symbol="alpha",
        search=(0.1, 1.0),
        scale="log",
        applies_to="training",
        reference="Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018, "
        "https://arxiv.org/abs/1710.09412",
    ).field()
    cutmix: float = Strength(
        help="boxes of area 1 - lambda ~ Beta(cutmix, cutmix) pasted from another sample",
        symbol="alpha",
        search=(0.1, 1.0),
        scale="log",
        applies_to="training",
        reference="Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with "
        "Localizable Features, 2019, https://arxiv.org/abs/1905.04899",
    ).field()
    label_smoothing: float = Strength(
        help="share of each label spread evenly over all classes in training",
        symbol="epsilon",
        below=1.0,
        search=(0.02, 0.3),
        scale="linear",
        applies_to="training",
        reference="Szegedy et al., Rethinking the Inception Architecture for Computer Vision, "
        "2016, https://arxiv.org/abs/1512.00567",
    ).field()
