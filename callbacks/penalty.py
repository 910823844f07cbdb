"""`weight_penalty` and `has_penalties`: what the regularizers of a model cost, if there are any."""

from typing import Any

import keras

__all__ = ["has_penalties", "weight_penalty"]


def weight_penalty(model: keras.Model) -> Any:
    """The sum of the regularizers of all trainable weights, each weight once, as a float32 scalar.

        sum over weights W of  regularizer_W(W)

    `sum(model.losses)` is not that: it holds activity penalties of the last batch as well, which
    after `fit` or `predict` are tensors of a graph that is gone.

    >>> layer = keras.layers.Dense(1, kernel_regularizer="l2", kernel_initializer="ones")
    >>> round(float(weight_penalty(keras.Sequential([keras.Input((3,)), layer]))), 6)
    0.03
    """
    weights = (w for w in model.trainable_weights if w.regularizer is not None)
    return sum((w.regularizer(w) for w in weights), start=keras.ops.zeros(()))


def has_penalties(model: keras.Model) -> bool:
    """Whether the loss of a model contains penalties: of weights, of activities, or by `add_loss`.

    >>> has_penalties(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
    False
    """
    # By structure first: after `fit` on JAX `model.losses` forgets the activity penalties.
    if any(weight.regularizer is not None for weight in model.trainable_weights):
        return True
    layers = model._flatten_layers()
    return any(getattr(x, "activity_regularizer", None) for x in layers) or bool(model.losses)
