"""`mlp`: a multilayer perceptron, the baseline of every table."""

import keras

from ...core.checks import message
from ..regularization import Regularization
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, Wiring


@register_model(
    "mlp",
    supports=(*KERNELS, *ACTIVATIONS, "drop_connect", "dropout", "noise"),
    presets={
        "light": Regularization(dropout=0.1, augmentation="light"),
        "medium": Regularization(dropout=0.1, label_smoothing=0.1, augmentation="medium"),
        "strong": Regularization(dropout=0.2, label_smoothing=0.1, augmentation="strong"),
    },
    other_presets={
        "scarce": {
            "light": Regularization(weight_decay=0.1),
            "medium": Regularization(weight_decay=0.3),
            "strong": Regularization(weight_decay=1.0),
        },
        "regression": {
            "light": Regularization(l2=0.001),
            "medium": Regularization(l2=0.003),
            "strong": Regularization(l2=0.01),
        },
        "scarce regression": {
            "light": Regularization(l2=0.01),
            "medium": Regularization(l2=0.03),
            "strong": Regularization(l2=0.1),
        },
    },
    ranks=(1, 2, 3),
    reference="Greydanus & Kobak, Scaling Down Deep Learning with MNIST-1D, 2020, "
    "https://arxiv.org/abs/2011.14439",
)
def mlp(inputs, num_classes, wiring: Wiring, *, units=(512, 512)):
    """Flatten, then for each hidden layer `x <- dropout(relu(W x + b))`, then the logits.

    The MLP of the MNIST-1D paper, 15,210 parameters, has `units=(100, 100)`. The wider default
    leaves more to regularize, and generalizes better when regularized.
    """
    if not isinstance(units, tuple | list):
        raise ValueError(message("units", units, "a tuple of the widths of layers"))
    x = keras.layers.Flatten()(wiring.noise(inputs))
    for width in units:
        x = wiring.dropout(wiring.relu(wiring.dense(x, width)))
    return wiring.head(x, num_classes)
