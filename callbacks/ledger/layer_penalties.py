"""`layer_penalties`: what the regularizers of each layer's weights cost right now."""

from typing import Any

import keras
from keras import ops

__all__ = ["layer_penalties"]


def layer_penalties(model: keras.Model) -> dict[str, float]:
    """The penalty of the weights of each layer that has any, by the layer's path.

        p_layer = sum over the layer's own trainable weights W of  regularizer_W(W)

    A weight is counted once, for the layer that holds it, however often that layer is used and
    however deep it is nested; together they are `weight_penalty(model)`. Layers of equal paths,
    which models made of other models may have, share one entry.

    >>> head = keras.layers.Dense(1, "linear", True, "ones", kernel_regularizer="l2", name="head")
    >>> costs = layer_penalties(keras.Sequential([keras.Input((3,)), head], name="model"))
    >>> {path: round(cost, 6) for path, cost in costs.items()}
    {'model/head': 0.03}
    """
    counted = {id(w): w for w in model.trainable_weights if w.regularizer is not None}
    costs: dict[str, list[Any]] = {}
    for layer in model._flatten_layers():
        for weight in layer._trainable_variables:
            if counted.pop(id(weight), None) is not None:
                cost = ops.cast(weight.regularizer(weight), "float32")
                costs.setdefault(layer.path or layer.name, []).append(ops.sum(cost))
    # One transfer to the host instead of one a layer.
    sums = ops.convert_to_numpy(ops.stack([sum(c) for c in costs.values()])) if costs else []
    return {path: float(value) for path, value in zip(costs, sums, strict=True)}
