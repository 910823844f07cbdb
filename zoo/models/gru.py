"""`gru`: a bidirectional recurrent network."""

from typing import Any

import keras

from ..regularization import Regularization
from .architecture import SCARCE_SERIES
from .blocks import embed
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, Wiring


@register_model(
    "gru",
    supports=(*KERNELS, *ACTIVATIONS, "dropout", "noise"),
    presets={
        "light": Regularization(augmentation="light"),
        "medium": Regularization(noise=0.1, augmentation="light"),
        "strong": Regularization(noise=0.1, dropout=0.1, augmentation="medium"),
    },
    other_presets={"scarce": SCARCE_SERIES},
    ranks=(1, 2),
    reference="Greydanus & Kobak, Scaling Down Deep Learning with MNIST-1D, 2020, "
    "https://arxiv.org/abs/2011.14439",
)
def gru(inputs, num_classes, wiring: Wiring, *, units=6, vocabulary=None, width=64):
    """A gated recurrent unit in each direction, the states of all steps, the logits.

    5,134 parameters for series of 40 steps and 10 classes. For a text, `vocabulary` is the number
    of different words, `data.vocabulary_size`, and `width` the size of an embedding.
    """
    text = len(inputs.shape) == 2
    x = embed(inputs, vocabulary, width, wiring) if text else wiring.noise(inputs)
    x = keras.layers.Bidirectional(
        _direction(units, wiring), backward_layer=_direction(units, wiring, go_backwards=True)
    )(x)
    x = wiring.activation(keras.layers.Flatten()(x), "linear")  # carries the activity penalty
    return wiring.head(wiring.dropout(x), num_classes)


def _direction(units: int, wiring: Wiring, **arguments: Any) -> keras.layers.Layer:
    return keras.layers.GRU(
        units,
        return_sequences=True,
        **wiring.kernel(init="glorot"),
        **wiring.kernel(of="recurrent", init="orthogonal"),
        **arguments,
    )
