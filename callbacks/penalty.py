"""The cost of the regularizers of a model: in total, by layer, and whether there are any."""

from typing import Any

import keras
from keras import ops

from .variables import TracedLater


def weight_penalty(model: keras.Model) -> Any:
    """Return the penalty of all trainable weights, each weight once, as a float32 scalar.

        sum over weights W of  regularizer_W(W)

    `sum(model.losses)` differs: it also contains activity penalties of the last batch, which after
    `fit` or `predict` are tensors of a graph that no longer exists.

    >>> layer = keras.layers.Dense(1, kernel_regularizer="l2", kernel_initializer="ones")
    >>> round(float(weight_penalty(keras.Sequential([keras.Input((3,)), layer]))), 6)
    0.03
    """
    weights = (w for w in model.trainable_weights if w.regularizer is not None)
    return sum((w.regularizer(w) for w in weights), start=ops.zeros(()))


class LayerPenalties:
    """The penalty of the weights of each layer, by the path of the layer.

        p_layer = sum over the layer's own trainable weights W of  regularizer_W(W)

    A weight is counted once, for the layer that holds it, however often that layer is used and
    however deep it is nested. The sum over the layers is `weight_penalty(model)`. Layers with equal
    paths, which a model that contains other models may have, share one entry.

    Args:
        model: A model whose layers and weights stay the same between calls.

    Example:

    >>> head = keras.layers.Dense(1, "linear", True, "ones", kernel_regularizer="l2", name="head")
    >>> penalties = LayerPenalties(keras.Sequential([keras.Input((3,)), head], name="model"))
    >>> {path: round(penalty, 6) for path, penalty in penalties().items()}
    {'model/head': 0.03}
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
        """Return the penalties for the current weights."""
        # One transfer to the host for all layers.
        penalties = ops.convert_to_numpy(self._penalties()) if self.weights else []
        return {path: float(value) for path, value in zip(self.weights, penalties, strict=True)}

    def _stacked(self) -> Any:
        return ops.stack([sum(map(_penalty, weights)) for weights in self.weights.values()])


def _penalty(weight: Any) -> Any:
    return ops.sum(ops.cast(weight.regularizer(weight), "float32"))


def has_penalties(model: keras.Model) -> bool:
    """Return whether the loss of a model contains penalties or losses added by `add_loss`.

    >>> has_penalties(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
    False
    """
    # By structure first: after `fit` on JAX `model.losses` forgets the activity penalties.
    if any(weight.regularizer is not None for weight in model.trainable_weights):
        return True
    layers = model._flatten_layers()
    return any(getattr(x, "activity_regularizer", None) for x in layers) or bool(model.losses)
