"""The penalties of a model: in total and by layer."""

from typing import Any

import keras
from keras import ops

from .variables import TracedLater


def weight_penalty(model: keras.Model) -> Any:
    """Return the penalty of all trainable weights, each weight once, as a float32 scalar.

        sum over weights W of  regularizer_W(W)

    `sum(model.losses)` also contains activity penalties of the last batch, which after `fit` or
    `predict` are tensors of a graph that no longer exists.

    >>> layer = keras.layers.Dense(1, kernel_regularizer="l2", kernel_initializer="ones")
    >>> round(float(weight_penalty(keras.Sequential([keras.Input((3,)), layer]))), 6)
    0.03
    """
    weights = (w for w in model.trainable_weights if w.regularizer is not None)
    return sum((w.regularizer(w) for w in weights), start=ops.zeros(()))


class LayerPenalties:
    """The penalty of the weights of each layer, by the path of the layer.

    A weight counts for the layer that holds it, so that the sum is `weight_penalty(model)`. Layers
    with equal paths, as in nested models, share one entry.
    """

    def __init__(self, model: keras.Model):
        counted = {id(w): w for w in model.trainable_weights if w.regularizer is not None}
        self.weights: dict[str, list[Any]] = {}
        for layer in model._flatten_layers():
            own = [w for w in layer._trainable_variables if counted.pop(id(w), None) is not None]
            if own:
                self.weights.setdefault(layer.path or layer.name, []).extend(own)
        # A model that runs eagerly may have a regularizer that cannot be traced.
        self._penalties = self._stacked if model.run_eagerly else TracedLater(self._stacked)

    def __call__(self) -> dict[str, float]:
        penalties = ops.convert_to_numpy(self._penalties()) if self.weights else []
        return {path: float(value) for path, value in zip(self.weights, penalties, strict=True)}

    def _stacked(self) -> Any:
        def penalty(weight: Any) -> Any:
            return ops.sum(ops.cast(weight.regularizer(weight), "float32"))

        return ops.stack([sum(map(penalty, weights)) for weights in self.weights.values()])


def has_penalties(model: keras.Model) -> bool:
    """Return whether the loss of a model contains penalties or losses added by `add_loss`."""
    # By structure first: after `fit` on JAX `model.losses` forgets the activity penalties.
    if any(weight.regularizer is not None for weight in model.trainable_weights):
        return True
    layers = model._flatten_layers()
    return any(getattr(x, "activity_regularizer", None) for x in layers) or bool(model.losses)
