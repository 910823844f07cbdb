"""`LayerPenalties`: what the regularizers of each layer's weights cost right now."""

from typing import Any

import keras
from keras import ops

from ..traced_later import TracedLater

__all__ = ["LayerPenalties"]


class LayerPenalties:
    """The penalty of the weights of each layer that has any, by the layer's path.

        p_layer = sum over the layer's own trainable weights W of  regularizer_W(W)

    A weight is counted once, for the layer that holds it, however often that layer is used and
    however deep it is nested; together they are `weight_penalty(model)`. Layers of equal paths,
    which models made of other models may have, share one entry.

    Args:
        model: whose layers and weights stay the same from call to call.

    >>> head = keras.layers.Dense(1, "linear", True, "ones", kernel_regularizer="l2", name="head")
    >>> costs = LayerPenalties(keras.Sequential([keras.Input((3,)), head], name="model"))
    >>> {path: round(cost, 6) for path, cost in costs().items()}
    {'model/head': 0.03}
    """

    def __init__(self, model: keras.Model):
        counted = {id(w): w for w in model.trainable_weights if w.regularizer is not None}
        self.weights: dict[str, list[Any]] = {}
        for layer in model._flatten_layers():
            own = [w for w in layer._trainable_variables if counted.pop(id(w), None) is not None]
            if own:
                self.weights.setdefault(layer.path or layer.name, []).extend(own)
        # What runs eagerly may have a regularizer that cannot be traced.
        self._costs = self._stacked if model.run_eagerly else TracedLater(self._stacked)

    def __call__(self) -> dict[str, float]:
        """The penalties as they are now."""
        # One transfer to the host instead of one a layer.
        costs = ops.convert_to_numpy(self._costs()) if self.weights else []
        return {path: float(cost) for path, cost in zip(self.weights, costs, strict=True)}

    def _stacked(self) -> Any:
        return ops.stack([sum(map(_cost, weights)) for weights in self.weights.values()])


def _cost(weight: Any) -> Any:
    return ops.sum(ops.cast(weight.regularizer(weight), "float32"))
