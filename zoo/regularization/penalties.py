"""Terms that are added to the loss."""

from dataclasses import dataclass

from .fields import Strength

__all__ = ["Penalties"]


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """Strengths of the penalties on kernels and on hidden activations."""

    l1: float = Strength(
        help="L1 penalty on kernels: l1 * sum|W|",
        symbol="lambda_1",
        search=(1e-6, 1e-3),
        scale="log",
        applies_to="model",
        reference="Tibshirani, Regression Shrinkage and Selection via the Lasso, 1996, "
        "https://www.jstor.org/stable/2346178",
    ).field()
    l2: float = Strength(
        help="L2 penalty on kernels: l2 * sum W^2",
        symbol="lambda_2",
        search=(1e-6, 1e-2),
        scale="log",
        applies_to="model",
        reference="Hoerl & Kennard, Ridge Regression, 1970, "
        "https://doi.org/10.1080/00401706.1970.10488634",
    ).field()
    group_lasso: float = Strength(
        help="penalty on whole units: group_lasso * sum sqrt(n)|W_u|_2, n the weights into unit u",
        symbol="lambda_g",
        search=(1e-6, 1e-3),
        scale="log",
        applies_to="model",
        reference="Yuan & Lin, Model Selection and Estimation in Regression with Grouped "
        "Variables, 2006, https://doi.org/10.1111/j.1467-9868.2005.00532.x",
    ).field()
    orthogonal: float = Strength(
        help="penalty on the mean |cosine| between the weights into two units of a layer",
        symbol="lambda_o",
        search=(1e-2, 10.0),
        scale="log",
        applies_to="model",
        reference="Brock et al., Neural Photo Editing with Introspective Adversarial Networks, "
        "2017, https://arxiv.org/abs/1609.07093",
    ).field()
    hoyer: float = Strength(
        help="penalty on the number of weights that matter: hoyer * (sum|W|)^2 / sum W^2",
        symbol="lambda_h",
        search=(1e-7, 1e-3),
        scale="log",
        applies_to="model",
        reference="Yang, Wen & Li, DeepHoyer: Learning Sparser Neural Network with Differentiable "
        "Scale-Invariant Sparsity Measures, 2020, https://arxiv.org/abs/1908.09979",
    ).field()
    activity_l1: float = Strength(
        help="L1 penalty on hidden activations, per sample",
        symbol="alpha_1",
        search=(1e-7, 1e-3),
        scale="log",
        applies_to="model",
        reference="Glorot, Bordes & Bengio, Deep Sparse Rectifier Neural Networks, 2011, "
        "https://proceedings.mlr.press/v15/glorot11a.html",
    ).field()
    activity_l2: float = Strength(
        help="L2 penalty on hidden activations, per sample",
        symbol="alpha_2",
        search=(1e-7, 1e-3),
        scale="log",
        applies_to="model",
        reference="Merity, McCann & Socher, Revisiting Activation Regularization, 2017, "
        "https://arxiv.org/abs/1708.01009",
    ).field()
