"""`realmlp`: a multilayer perceptron with embeddings of the numbers of a table."""

import keras

from ...core.checks import check_integer, message
from ..layers import PeriodicEmbedding
from ..regularization import Regularization
from .blocks import LayerScale
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, Wiring


@register_model(
    "realmlp",
    supports=(*KERNELS, *ACTIVATIONS, "drop_connect", "dropout", "noise"),
    presets={
        "light": Regularization(dropout=0.1, label_smoothing=0.05),
        "medium": Regularization(weight_decay=0.1, dropout=0.15, label_smoothing=0.1),
        "strong": Regularization(weight_decay=0.3, dropout=0.3, label_smoothing=0.1, noise=0.1),
    },
    other_presets={"scarce regression": {"strong": Regularization(l2=0.03, dropout=0.15)}},
    ranks=(1,),
    reference="Holzmüller, Grinsztajn & Steinwart, Better by Default: Strong Pre-Tuned MLPs and "
    "Boosted Trees on Tabular Data, 2024, https://arxiv.org/abs/2407.04491",
)
def realmlp(
    inputs,
    num_classes,
    wiring: Wiring,
    *,
    units=(256, 256, 256),
    activation="mish",
    embedding=4,
    frequencies=16,
    sigma=0.1,
):
    """Embed each feature, scale, then hidden layers `x <- dropout(mish(W x + b))`, the logits.

        x <- s * [PeriodicEmbedding(x_j) for each feature j]

    Load the data with `standardize="robust"`, as the paper does. Its kernels have the factor
    `1 / sqrt(inputs)` (NTK parametrization), and Adam's rate is 0.04. With 256 inputs, kernels
    without the factor learn as fast at 0.04 / 16 = 0.0025, half the default of `zoo.train`. The
    tier "medium" has the paper's dropout and label smoothing. At the peak of the rate it decays a
    kernel by 0.005 * 0.1 in a step, where the paper has 0.04 * 0.02. docs/tasks.md has figures: the
    model is not measured to be better than `mlp`.

    The paper's model also has SELU for classes, learned activations, rates of their own for scales
    and biases, and schedules of the rate (four cycles), of dropout and of weight decay.
    """
    if not isinstance(units, tuple | list):
        raise ValueError(message("units", units, "a tuple of the widths of layers"))
    check_integer("embedding", embedding, minimum=2)
    x = PeriodicEmbedding(embedding, frequencies, sigma, seed=wiring.seed())(wiring.noise(inputs))
    x = LayerScale(1.0)(keras.layers.Flatten()(x))
    for width in units:
        x = wiring.dropout(wiring.activation(wiring.dense(x, width), activation))
    return wiring.head(x, num_classes)
