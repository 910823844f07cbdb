"""`GradientNorms`: the gradients of the data loss and of the penalty in each layer."""

import math
from typing import Any

import keras
from keras import ops

from .probe import Probe, losses, value_and_gradients


class GradientNorms(Probe):
    """Log the norms of the gradients of the data loss and of the penalty, layer by layer.

        gradient_norm/<layer>          = |grad_w data_loss|           w: the layer's weights
        gradient_ratio/<layer>         = |grad_w data_loss| / |w|
        penalty_gradient_norm/<layer>  = |grad_w penalty|
        penalty_gradient_ratio/<layer> = |grad_w penalty| / |w|

    and the same over all layers, as `gradient_norm` etc. A layer is named by its path; a shared
    weight counts for its first layer. The penalty norms are logged if the model has penalties. At a
    minimum of the loss, the two gradients of a layer are opposite and equal in norm; where the
    penalty's gradient has the larger norm, the penalty still moves the weights.

    The gradients are taken in inference mode, at the weights at the end of the epoch, without the
    noise of batches, dropout and augmentation. The data loss is the compiled one, with its label
    smoothing. The callback does not change the training.

    Cost: one forward and two backward passes over `data` (only one backward pass if the model has
    no penalties), and their compilation, once per `fit`. A few hundred samples are enough.

    Args:
        data: `(x, y)` or `(x, y, sample_weight)`, arrays or structures of arrays, used as one
            batch.
        every: The number of epochs between measurements. Epochs in between log the last values.

    Raises:
        ValueError: If an argument is invalid, the model is not compiled with a loss, or it
            overrides `compute_loss`.
        RuntimeError: If the backend is neither TensorFlow nor JAX.

    Attributes:
        values: The last measured values by name. The ratio of a layer of zeros is infinite if its
            gradient is not zero, and 0 otherwise.

    Example: y = 2 x, from w = 0 with the mean squared error; its gradient is -4.

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(
    ...     1, use_bias=False, kernel_initializer="zeros", name="linear")])
    >>> model.compile(keras.optimizers.SGD(0.0), "mse")
    >>> x = np.ones((4, 1))
    >>> history = model.fit(x, 2 * x, verbose=0, callbacks=[GradientNorms((x, 2 * x))]).history
    >>> [name for name in history if "linear" in name][0][:14], history["gradient_norm"]
    ('gradient_norm/', [4.0])
    """

    def measure(self):
        layers = _weights_of_layers(self.model)
        weights, *gradients = [
            [float(square) for square in each] for each in self.call_scaled(self._squares)
        ]
        values = {}
        for part, squares in zip(("", "penalty_"), gradients, strict=False):
            for name, indices in layers.items():
                norm = math.sqrt(sum(squares[i] for i in indices))
                size = math.sqrt(sum(weights[i] for i in indices))
                values[f"{part}gradient_norm{name}"] = norm
                zero = math.inf if norm > 0 else 0.0
                values[f"{part}gradient_ratio{name}"] = norm / size if size else zero
        return values

    def _squares(self, weights: Any, others: Any, batch: Any, scale: Any) -> list[list[Any]]:
        """Return the squares of the weights, and of the gradients of each part of the loss."""
        _, gradients = value_and_gradients(
            lambda weights: losses(self.model, weights, others, batch), weights, scale
        )
        return [
            [ops.sum(ops.square(ops.cast(a, "float32"))) for a in each]
            for each in (weights, *gradients)
        ]


def _weights_of_layers(model: keras.Model) -> dict[str, list[int]]:
    """Return the indices of each layer's weights in `trainable_variables`, and of all as ""."""
    places = {id(v): i for i, v in enumerate(model.trainable_variables)}
    layers: dict[str, list[int]] = {"": [*places.values()]}
    for layer in model._flatten_layers():
        held = {id(v) for each in layer._flatten_layers(include_self=False) for v in each.variables}
        own = [id(v) for v in layer.trainable_variables if id(v) in places and id(v) not in held]
        if own:
            layers.setdefault(f"/{layer.path}", []).extend(places.pop(v) for v in own)
    return layers
