"""`lenet`: LeNet-5, the convolutional network for handwritten digits."""

import keras

from ..regularization import Regularization
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, MAPS, Wiring


@register_model(
    "lenet",
    supports=(*KERNELS, *ACTIVATIONS, *MAPS, "drop_connect", "dropout", "noise"),
    presets={
        "light": Regularization(augmentation="light"),
        "medium": Regularization(label_smoothing=0.1, augmentation="light"),
        "strong": Regularization(label_smoothing=0.1, dropout=0.1, augmentation="medium"),
    },
    ranks=(3,),
    min_size=16,
    reference="LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998, "
    "https://doi.org/10.1109/5.726791",
)
def lenet(inputs, num_classes, wiring: Wiring, *, activation="tanh"):
    """Two convolutions with average pooling over 2 x 2 pixels, two dense layers, the logits.

    61,706 parameters for `(32, 32, 1)` and 10 classes. The paper has 60,000: its second
    convolution is sparsely connected, its pooling has weights, and its output is a radial basis.
    """
    x = wiring.noise(inputs)
    for filters in (6, 16):
        x = wiring.conv(x, filters, 5, padding="valid")
        x = wiring.drop_maps(wiring.activation(x, activation))
        x = keras.layers.AveragePooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    for units in (120, 84):
        x = wiring.dropout(wiring.activation(wiring.dense(x, units), activation))
    return wiring.head(x, num_classes)
