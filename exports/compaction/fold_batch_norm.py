"""`fold_batch_norm`: batch normalization becomes part of a kernel and its bias."""

from typing import TYPE_CHECKING

from .report import Compaction

if TYPE_CHECKING:
    import keras

__all__ = ["fold_batch_norm"]


def fold_batch_norm(model: "keras.Model") -> tuple["keras.Model", Compaction]:
    """A model of fewer layers that gives the same answers in inference, and what was folded.

    In inference, batch normalization is `s x + t` with `s = gamma / sqrt(variance + epsilon)` and
    `t = beta - s mean`, channel by channel. After a dense layer or a convolution it becomes

        W  <-  s W,    b  <-  s b + t,

    and where that is not so, before one,

        W  <-  W s,    b  <-  b + sum_k W_k t,

    also across flattening and the mean over all places. Nothing but layers that only do something
    in training may lie between, no other layer may read what is in between, and before a
    convolution that pads its input with zeros, `t` has to be 0. The report says what was not
    folded and why.

    Args:
        model: a functional model, or a Sequential one with an input; models inside it are laid out
            flat. It is not changed.

    Returns:
        A new functional model, to be served and not to be trained further, and the report.

    Raises:
        ValueError: the model is of another kind, or a layer cannot be made anew from its config.

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
    from .folding import Folding  # here, since only a writer needs Keras

    return Folding(model).model()
