"""What is random inside of the model, in training."""

from dataclasses import dataclass

from .fields import Strength

__all__ = ["Noise"]


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Rates and strengths of what a model drops or adds at random in training."""

    dropout: float = Strength(
        help="fraction of hidden units dropped in training",
        symbol="1 - p",
        below=1.0,
        search=(0.05, 0.6),
        scale="linear",
        applies_to="model",
        reference="Srivastava et al., Dropout, 2014, https://jmlr.org/papers/v15/srivastava14a.html",
    ).field()
    spatial_dropout: float = Strength(
        help="fraction of whole channels of hidden feature maps dropped in training",
        symbol="1 - p",
        below=1.0,
        search=(0.02, 0.3),
        scale="linear",
        applies_to="model",
        reference="Tompson et al., Efficient Object Localization Using Convolutional Networks, "
        "2015, https://arxiv.org/abs/1411.4280",
    ).field()
    drop_block: float = Strength(
        help="fraction of hidden feature maps dropped in blocks of a quarter of their side",
        symbol="1 - p",
        below=1.0,
        search=(0.02, 0.3),
        scale="linear",
        applies_to="model",
        reference="Ghiasi, Lin & Le, DropBlock: A Regularization Method for Convolutional "
        "Networks, 2018, https://arxiv.org/abs/1810.12890",
    ).field()
    drop_connect: float = Strength(
        help="fraction of the weights of hidden layers dropped in training",
        symbol="1 - p",
        below=1.0,
        search=(0.05, 0.5),
        scale="linear",
        applies_to="model",
        reference="Wan et al., Regularization of Neural Networks using DropConnect, 2013, "
        "https://proceedings.mlr.press/v28/wan13.html",
    ).field()
    stochastic_depth: float = Strength(
        help="drop rate of the last residual branch, linear from 0 at the first",
        symbol="1 - p_L",
        below=1.0,
        search=(0.05, 0.5),
        scale="linear",
        applies_to="model",
        reference="Huang et al., Deep Networks with Stochastic Depth, 2016, "
        "https://arxiv.org/abs/1603.09382",
    ).field()
    noise: float = Strength(
        help="standard deviation of Gaussian noise on the (standardized) inputs in training",
        symbol="sigma",
        search=(0.02, 1.0),
        scale="log",
        applies_to="model",
        reference="Bishop, Training with Noise is Equivalent to Tikhonov Regularization, 1995, "
        "https://doi.org/10.1162/neco.1995.7.1.108",
    ).field()
