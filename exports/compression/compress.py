"""`shrink` and `fold_batch_norm`, which import Keras only when they are called."""

from typing import TYPE_CHECKING

from ...core.checks import check_number
from .report import Compression

if TYPE_CHECKING:
    import keras


def shrink(model: "keras.Model", threshold: float = 0.0) -> tuple["keras.Model", Compression]:
    """Remove the units and channels of a model that have no effect.

    A unit of a dense layer or a channel of a convolution is removed if nothing reads it (all
    weights out of it are 0), or if it is constant (all weights into it, or the gamma of its
    normalization, are 0). A constant c is followed through activations, normalization, pooling,
    sums and flattening, and moved into the biases of the layers that read it,

        b  <-  b + sum_k W_k c,

    which is exact unless a convolution pads its input with zeros and c is not 0. Channels that are
    added or concatenated are removed together. A dead layer keeps one unit.

    Units stay if they are outputs of the model, if several calls share their weights, or if a layer
    that mixes channels reads them: recurrent layers, attention, layer normalization, and custom
    layers that are not the identity in inference. The report lists them with the reasons. Wrappers
    that do nothing in inference are removed.

    Args:
        model: A functional model, or a Sequential one with an input; it is not changed. Inner
            models are inlined.
        threshold: The largest magnitude of weights that count as 0, if all weights into a unit or
            out of a channel are as small. Above 0, answers differ.

    Returns:
        A new functional model, with the penalties and constraints of the layers, and the report.

    Raises:
        ValueError: If `threshold` is negative, the model has no graph of layers, or a layer cannot
            be rebuilt from its config.

    Example:

    >>> import keras, numpy as np
    >>> from occam import exports
    >>> dense = keras.layers.Dense
    >>> model = keras.Sequential([keras.Input((4,)), dense(8, activation="relu"), dense(3)])
    >>> kernel = np.array(model.layers[0].kernel)
    >>> kernel[:, 2:] = 0
    >>> _ = model.layers[0].kernel.assign(kernel)
    >>> smaller, report = exports.shrink(model)
    >>> smaller.layers[1].units, report.parameters_before, report.parameters_after
    (2, 67, 19)

    Reference: Yuan & Lin, Model Selection and Estimation in Regression with Grouped Variables,
        2006, https://doi.org/10.1111/j.1467-9868.2005.00532.x (the penalty that empties units)
    """
    from .removal import Removal  # here, since only writing needs Keras

    check_number("threshold", threshold, "[0, inf)")
    return Removal(model, threshold).model()


def fold_batch_norm(model: "keras.Model") -> tuple["keras.Model", Compression]:
    """Fold batch normalization into the kernels, with the same answers in inference.

    In inference, batch normalization is `s x + t` with `s = gamma / sqrt(variance + epsilon)` and
    `t = beta - s mean`, channel by channel. After a dense layer or a convolution it becomes

        W  <-  s W,    b  <-  s b + t,

    and otherwise, before one,

        W  <-  W s,    b  <-  b + sum_k W_k t,

    also across flattening and global average pooling. Only layers that are the identity in
    inference may lie between, no other layer may read the values between, and before a convolution
    that pads its input with zeros, `t` must be 0. The report lists the layers that were not folded
    and the reasons.

    Args:
        model: A functional model, or a Sequential one with an input; it is not changed. Inner
            models are inlined.

    Returns:
        A new functional model, for serving and not for further training, and the report.

    Raises:
        ValueError: If the model has no graph of layers, or a layer cannot be rebuilt from its
            config.

    Example:

    >>> import keras
    >>> from occam import exports
    >>> layers = [keras.Input((4,)), keras.layers.Dense(8), keras.layers.BatchNormalization()]
    >>> folded, report = exports.fold_batch_norm(keras.Sequential(layers))
    >>> [type(layer).__name__ for layer in folded.layers], report.parameters_after
    (['InputLayer', 'Dense'], 40)

    Reference: Jacob et al., Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, 2017, section 3.2, https://arxiv.org/abs/1712.05877
    """
    from .folding import Folding  # here, since only writing needs Keras

    return Folding(model).model()
