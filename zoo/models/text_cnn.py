"""`text_cnn`: convolutions over the words of a text."""

import keras

from ..regularization import Regularization
from .blocks import embed
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, MAPS, Wiring


@register_model(
    "text_cnn",
    supports=(*KERNELS, *ACTIVATIONS, *MAPS, "drop_connect", "dropout", "noise"),
    presets={
        "light": Regularization(dropout=0.2),
        "medium": Regularization(dropout=0.5),
        "strong": Regularization(dropout=0.5, spatial_dropout=0.2, max_norm=3.0),
    },
    ranks=(1,),
    reference="Kim, Convolutional Neural Networks for Sentence Classification, 2014, "
    "https://arxiv.org/abs/1408.5882",
)
def text_cnn(
    inputs, num_classes, wiring: Wiring, *, vocabulary=None, width=128, filters=100, sizes=(3, 4, 5)
):
    """Embed the words, take the largest answer of each filter over the text, then the logits.

    `vocabulary` is the number of different words, `data.vocabulary_size`.
    """
    x = wiring.drop_maps(embed(inputs, vocabulary, width, wiring))
    answers = [
        keras.layers.GlobalMaxPooling1D()(wiring.relu(wiring.conv(x, filters, size)))
        for size in sizes
    ]
    return wiring.head(wiring.dropout(keras.layers.Concatenate()(answers)), num_classes)
