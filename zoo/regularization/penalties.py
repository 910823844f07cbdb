"""Declarations of the penalties, and of the limits and decay of the weights."""

from dataclasses import dataclass

from .fields import Penalty, Strength


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """Strengths of the penalties on kernels and on hidden activations.

    A new penalty needs its class in `zoo.regularizers` and its declaration here; the rest follows.
    """

    l1: float = Penalty(
        help="L1 penalty on kernels: l1 * sum|W|",
        search=(1e-6, 1e-3),
        where="kernels",
        regularizer="norms.L1L2",
        argument="l1",
        reference="Tibshirani, Regression Shrinkage and Selection via the Lasso, 1996, "
        "https://www.jstor.org/stable/2346178",
    ).field()
    l2: float = Penalty(
        help="L2 penalty on kernels: l2 * sum W^2",
        search=(1e-6, 1e-2),
        where="kernels",
        regularizer="norms.L1L2",
        argument="l2",
        reference="Hoerl & Kennard, Ridge Regression, 1970, "
        "https://doi.org/10.1080/00401706.1970.10488634",
    ).field()
    group_lasso: float = Penalty(
        help="penalty on whole units: group_lasso * sum sqrt(n)|W_u|_2, n the weights into unit u",
        search=(1e-6, 1e-3),
        where="kernels",
        regularizer="group_lasso.GroupLasso",
        units="one axis",
        reference="Yuan & Lin, Model Selection and Estimation in Regression with Grouped "
        "Variables, 2006, https://doi.org/10.1111/j.1467-9868.2005.00532.x",
    ).field()
    orthogonal: float = Penalty(
        help="penalty on the mean |cosine| between the weights into two units of a layer",
        search=(1e-2, 10.0),
        where="kernels",
        regularizer="orthogonal.Orthogonal",
        options={"mode": "columns"},
        units="last axis",
        reference="Brock et al., Neural Photo Editing with Introspective Adversarial Networks, "
        "2017, https://arxiv.org/abs/1609.07093",
    ).field()
    hoyer: float = Penalty(
        help="penalty on the number of weights that matter: hoyer * (sum|W|)^2 / sum W^2",
        search=(1e-7, 1e-3),
        where="kernels",
        regularizer="hoyer.Hoyer",
        reference="Yang, Wen & Li, DeepHoyer: Learning Sparser Neural Network with Differentiable "
        "Scale-Invariant Sparsity Measures, 2020, https://arxiv.org/abs/1908.09979",
    ).field()
    activity_l1: float = Penalty(
        help="L1 penalty on hidden activations, per sample",
        search=(1e-7, 1e-3),
        where="activations",
        regularizer="norms.L1L2",
        argument="l1",
        reference="Glorot, Bordes & Bengio, Deep Sparse Rectifier Neural Networks, 2011, "
        "https://proceedings.mlr.press/v15/glorot11a.html",
    ).field()
    activity_l2: float = Penalty(
        help="L2 penalty on hidden activations, per sample",
        search=(1e-7, 1e-3),
        where="activations",
        regularizer="norms.L1L2",
        argument="l2",
        reference="Merity, McCann & Socher, Revisiting Activation Regularization, 2017, "
        "https://arxiv.org/abs/1708.01009",
    ).field()


@dataclass(frozen=True, kw_only=True)
class Updates:
    """Strengths of the changes to an update besides the gradient of the loss."""

    weight_decay: float = Strength(
        help="decoupled decay of kernels, times the learning rate, at each update",
        search=(1e-4, 1.0),
        where="updates",
        reference="Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2019, "
        "https://arxiv.org/abs/1711.05101",
    ).field()
    max_norm: float = Strength(
        help="largest L2 norm of the weights into one unit (0: no limit)",
        search=(0.5, 8.0),
        stronger="down",
        where="kernels",
        reference="Srivastava et al., Dropout, 2014, section 5.1, "
        "https://jmlr.org/papers/v15/srivastava14a.html",
    ).field()
    sam_rho: float = Strength(
        help="sharpness-aware steps: the gradient is taken at a distance sam_rho uphill",
        search=(0.01, 0.2),
        where="updates",
        reference="Foret et al., Sharpness-Aware Minimization for Efficiently Improving "
        "Generalization, 2021, https://arxiv.org/abs/2010.01412",
    ).field()
