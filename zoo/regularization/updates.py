"""What changes the update of the weights itself."""

from dataclasses import dataclass

from .fields import Strength

__all__ = ["Updates"]


@dataclass(frozen=True, kw_only=True)
class Updates:
    """Strengths of what an update does besides following the gradient of the loss."""

    weight_decay: float = Strength(
        help="decoupled decay of kernels, times the learning rate, at each update",
        symbol="lambda",
        search=(1e-4, 1.0),
        scale="log",
        applies_to="training",
        reference="Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2019, "
        "https://arxiv.org/abs/1711.05101",
    ).field()
    max_norm: float = Strength(
        help="largest L2 norm of the weights into one unit (0: no limit)",
        symbol="c",
        search=(0.5, 8.0),
        scale="log",
        stronger="down",
        applies_to="model",
        reference="Srivastava et al., Dropout, 2014, section 5.1, "
        "https://jmlr.org/papers/v15/srivastava14a.html",
    ).field()
    sam_rho: float = Strength(
        help="sharpness-aware steps: the gradient is taken at a distance sam_rho uphill",
        symbol="rho",
        search=(0.01, 0.2),
        scale="log",
        applies_to="training",
        reference="Foret et al., Sharpness-Aware Minimization for Efficiently Improving "
        "Generalization, 2021, https://arxiv.org/abs/2010.01412",
    ).field()
