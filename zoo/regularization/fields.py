"""The fields of `Regularization`, each with its range, meaning and source."""

from dataclasses import dataclass

from .field_kinds import Choice, Penalty, Rate, Strength

AUGMENTATIONS = ("light", "medium", "strong")


@dataclass(frozen=True, kw_only=True)
class Declarations:
    """The fields of `Regularization`, each with its range, meaning and source.

    A new penalty needs its class in `zoo.regularizers` and its declaration here; the rest follows.
    """

    # Penalties on kernels and on hidden activations.
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
    # Changes to an update besides the gradient of the loss.
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
    # Random changes inside the model.
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
    # Random changes to samples and labels.
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
