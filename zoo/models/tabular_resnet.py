"""`tabular_resnet`: a residual network for tables."""

from ..regularization import Regularization
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, RESIDUAL, Norm, Wiring


@register_model(
    "tabular_resnet",
    supports=(*KERNELS, *ACTIVATIONS, *RESIDUAL),
    presets={
        "light": Regularization(weight_decay=0.1),
        "medium": Regularization(weight_decay=0.1, dropout=0.05),
        "strong": Regularization(weight_decay=0.1, dropout=0.1),
    },
    other_presets={
        "scarce": {
            "light": Regularization(weight_decay=0.1, dropout=0.1),
            "medium": Regularization(weight_decay=0.1, dropout=0.2),
            "strong": Regularization(weight_decay=0.1, dropout=0.4),
        },
        "scarce regression": {
            "light": Regularization(l2=0.03, noise=0.2),
            "medium": Regularization(l2=0.05, noise=0.3),
            "strong": Regularization(l2=0.1, noise=0.4),
        },
    },
    ranks=(1,),
    reference="Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, 2021, "
    "section 3.2, https://arxiv.org/abs/2106.11959",
)
def tabular_resnet(
    inputs, num_classes, wiring: Wiring, *, width=192, hidden=384, blocks=2, norm: Norm = "batch"
):
    """Blocks `x <- x + dropout(W_2 dropout(relu(W_1 norm(x))))`, `relu(norm(x))`, the logits."""
    x = wiring.dense(wiring.noise(inputs), width)
    for rate in wiring.depth_rates(blocks):
        branch = wiring.dense(wiring.norm(x, norm), hidden)
        branch = wiring.dense(wiring.dropout(wiring.relu(branch)), width)
        x = wiring.add(x, wiring.dropout(branch), rate)
    return wiring.head(wiring.relu(wiring.norm(x, norm)), num_classes)
