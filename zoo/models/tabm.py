"""`tabm`: an ensemble of multilayer perceptrons for tables that share their kernels."""

from ...core.checks import check_integer, message
from ..layers import MemberScale
from ..regularization import Regularization
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, Wiring


@register_model(
    "tabm",
    supports=(*KERNELS, *ACTIVATIONS, "drop_connect", "dropout", "noise"),
    presets={
        "light": Regularization(dropout=0.1),
        "medium": Regularization(weight_decay=0.1, dropout=0.1),
        "strong": Regularization(weight_decay=0.1, dropout=0.3, noise=0.2),
    },
    other_presets={"scarce regression": {"strong": Regularization(l2=0.03, dropout=0.1)}},
    ranks=(1,),
    reference="Gorishniy, Kotelnikov & Babenko, TabM: Advancing Tabular Deep Learning with "
    "Parameter-Efficient Ensembling, 2025, https://arxiv.org/abs/2410.24210",
)
def tabm(inputs, num_classes, wiring: Wiring, *, members=16, units=(128, 128, 128)):
    """Members that share all hidden layers, with scales of the inputs and heads of their own.

        x_k <- r_k * x,    then x_k <- dropout(relu(W x_k + b)) for each hidden layer

    Initially, the scales `r_k` are 1 or -1. The loss is the mean of the losses of the members, and
    the output their mean prediction, see `EnsembleMean`. This is TabM-mini of the paper, which has
    32 members of 512 units.
    """
    check_integer("members", members, minimum=1)
    if not isinstance(units, tuple | list):
        raise ValueError(message("units", units, "a tuple of the widths of layers"))
    x = MemberScale(members, seed=wiring.seed())(wiring.noise(inputs))
    for width in units:
        x = wiring.dropout(wiring.relu(wiring.dense(x, width)))
    return wiring.member_heads(x, num_classes)
