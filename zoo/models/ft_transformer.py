"""`ft_transformer`: a transformer over the features of a table."""

from typing import Any

from keras import ops

from ..regularization import Regularization
from .blocks import ClassToken, FeatureTokenizer, self_attention
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, RESIDUAL, Wiring


@register_model(
    "ft_transformer",
    supports=(*KERNELS, *ACTIVATIONS, *RESIDUAL),
    presets={
        "light": Regularization(weight_decay=0.01, dropout=0.1),
        "medium": Regularization(weight_decay=0.01, dropout=0.2, noise=0.1),
        "strong": Regularization(weight_decay=0.1, dropout=0.3, noise=0.2, stochastic_depth=0.1),
    },
    ranks=(1,),
    reference="Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, 2021, "
    "section 3.3, https://arxiv.org/abs/2106.11959",
)
def ft_transformer(
    inputs, num_classes, wiring: Wiring, *, width=192, blocks=3, heads=8, hidden=256
):
    """One token per feature, a class token, blocks of attention and a gated layer, the logits.

    Normalization precedes each branch but the first.
    """
    tokens = FeatureTokenizer(width, seed=wiring.seed())(wiring.noise(inputs))
    x = ClassToken(seed=wiring.seed())(tokens)
    for block, rate in enumerate(wiring.depth_rates(blocks)):
        normalized = wiring.norm(x, "layer") if block > 0 else x
        x = wiring.add(x, wiring.dropout(self_attention(normalized, heads, wiring)), rate)
        x = wiring.add(x, wiring.dropout(_gated(wiring.norm(x, "layer"), hidden, wiring)), rate)
    x = wiring.relu(wiring.norm(x[:, 0], "layer"))
    return wiring.head(x, num_classes)


def _gated(x, hidden: int, wiring: Wiring) -> Any:
    """Apply ReGLU, `W_3 (W_1 x * relu(W_2 x))`: Shazeer, GLU Variants Improve Transformer, 2020."""
    width = x.shape[-1]
    gate = wiring.relu(wiring.dense(x, hidden))
    x = wiring.dropout(ops.multiply(wiring.dense(x, hidden), gate))
    return wiring.dense(x, width, init="glorot")
