"""`shrink`: units and channels that do nothing are removed for good."""

from typing import TYPE_CHECKING

from .report import Compaction

if TYPE_CHECKING:
    import keras

__all__ = ["shrink"]


def shrink(model: "keras.Model", threshold: float = 0.0) -> tuple["keras.Model", Compaction]:
    """A smaller model that gives the same answers, and what was removed.

    A unit of a dense layer or a channel of a convolution goes if nothing reads it, all weights out
    of it being 0, or if it is a constant, all weights into it, or a normalization's gamma, being 0.
    A constant c is followed through activations, normalization, pooling, sums and flattening, and
    moved into the biases of those that read it,

        b  <-  b + sum_k W_k c,

    which is exact unless a convolution pads its input with zeros and c is another number. Channels
    that are added or concatenated go together. This is repeated until nothing changes; where a
    whole layer is dead, one unit remains.

    Units stay where they are outputs of the model, where the weights are those of several calls,
    and where something reads them that is not known to keep channels apart: recurrent layers,
    attention, layer normalization, layers of someone's own but those that only do something in
    training. The report says which and why. Wrappers that do nothing in inference around a kernel
    are taken off.

    Args:
        model: a functional model, or a Sequential one with an input; models inside it are laid out
            flat. It is not changed.
        threshold: weights with a magnitude up to it count as 0 where all of a unit, or all out of
            a channel, do; above 0, answers differ.

    Returns:
        A new functional model, and the report. Penalties and constraints that the layers' configs
        have are on the new layers as well.

    Raises:
        ValueError: `threshold` is negative, the model is of another kind, or a layer cannot be made
            anew from its config.

    Example:

    >>> import keras, numpy as np
    >>> from occam import exports
    >>> dense = keras.layers.Dense
    >>> model = keras.Sequential([keras.Input((4,)), dense(8, activation="relu"), dense(3)])
    >>> kernel = np.array(model.layers[0].kernel)
    >>> kernel[:, 2:] = 0
    >>> model.layers[0].kernel.assign(kernel) is None
    False
    >>> smaller, report = exports.shrink(model)
    >>> smaller.layers[1].units, report.parameters_before, report.parameters_after
    (2, 67, 19)

    Reference: Yuan & Lin, Model Selection and Estimation in Regression with Grouped Variables,
        2006, https://doi.org/10.1111/j.1467-9868.2005.00532.x (how a unit comes to have no
        weights)
    """
    from .removal import Removal  # here, since only a writer needs Keras

    if not threshold >= 0:
        raise ValueError(f"threshold must be a number >= 0. Received: threshold={threshold!r}")
    return Removal(model, threshold).model()
