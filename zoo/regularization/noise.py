"""Declarations of the random changes in training: to the model, the samples and the labels."""

from dataclasses import dataclass

from .fields import Choice, Rate, Strength

AUGMENTATIONS = ("light", "medium", "strong")


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Rates and strengths of the random changes inside the model."""

    dropout: float = Rate(
        help="fraction of hidden units dropped in training",
        search=(0.05, 0.6),
        where="units",
        reference="Srivastava et al., Dropout, 2014, https://jmlr.org/papers/v15/srivastava14a.html",
    ).field()
    spatial_dropout: float = Rate(
        help="fraction of whole channels of hidden feature maps dropped in training",
        search=(0.02, 0.3),
        where="maps",
        reference="Tompson et al., Efficient Object Localization Using Convolutional Networks, "
        "2015, https://arxiv.org/abs/1411.4280",
    ).field()
    drop_block: float = Rate(
        help="fraction of hidden feature maps dropped in blocks of a quarter of their side",
        search=(0.02, 0.3),
        where="maps",
        reference="Ghiasi, Lin & Le, DropBlock: A Regularization Method for Convolutional "
        "Networks, 2018, https://arxiv.org/abs/1810.12890",
    ).field()
    drop_connect: float = Rate(
        help="fraction of the weights of hidden layers dropped in training",
        search=(0.05, 0.5),
        where="connections",
        reference="Wan et al., Regularization of Neural Networks using DropConnect, 2013, "
        "https://proceedings.mlr.press/v28/wan13.html",
    ).field()
    stochastic_depth: float = Rate(
        help="drop rate of the last residual branch, linear from 0 at the first",
        search=(0.05, 0.5),
        where="branches",
        reference="Huang et al., Deep Networks with Stochastic Depth, 2016, "
        "https://arxiv.org/abs/1603.09382",
    ).field()
    noise: float = Strength(
        help="standard deviation of Gaussian noise on the (standardized) inputs in training",
        search=(0.02, 1.0),
        where="inputs",
        reference="Bishop, Training with Noise is Equivalent to Tikhonov Regularization, 1995, "
        "https://doi.org/10.1162/neco.1995.7.1.108",
    ).field()


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Strengths of the random changes to samples and labels."""

    augmentation: str = Choice(
        help="tier of the random changes to samples: noise for tables, shifts and scales for "
        "series, RandAugment and erasing for images",
        options=AUGMENTATIONS,
        where="samples",
        reference="Cubuk et al., RandAugment: Practical Automated Data Augmentation with a "
        "Reduced Search Space, 2020, https://arxiv.org/abs/1909.13719",
    ).field()
    mixup: float = Strength(
        help="pairs of samples blended by lambda ~ Beta(mixup, mixup), and their labels",
        search=(0.1, 1.0),
        where="samples",
        reference="Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018, "
        "https://arxiv.org/abs/1710.09412",
    ).field()
    cutmix: float = Strength(
        help="boxes of area 1 - lambda ~ Beta(cutmix, cutmix) pasted from another sample",
        search=(0.1, 1.0),
        where="samples",
        reference="Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with "
        "Localizable Features, 2019, https://arxiv.org/abs/1905.04899",
    ).field()
    label_smoothing: float = Rate(
        help="share of each label spread evenly over all classes in training",
        search=(0.02, 0.3),
        where="labels",
        reference="Szegedy et al., Rethinking the Inception Architecture for Computer Vision, "
        "2016, https://arxiv.org/abs/1512.00567",
    ).field()
