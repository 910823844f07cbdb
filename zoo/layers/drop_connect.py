"""`DropConnect`: drops weights of a layer."""

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .kernel_wrapper import KernelWrapper
from .shared_arguments import seed_generator


@keras.saving.register_keras_serializable(package="occam")
class DropConnect(KernelWrapper):
    """Drops weights and biases of the wrapped layer in training.

        y = layer(x; W * M / (1 - rate)),    M ~ Bernoulli(1 - rate) for each weight

    At inference, the wrapped layer is unchanged. All samples of a step share one mask, whereas the
    paper draws one for each sample, and samples the inputs of the units at inference.

    Args:
        layer: A `Dense`, `EinsumDense` or `Conv` layer. Give an activity regularizer to the
            wrapper: `DropConnect(layer, rate, activity_regularizer=...)`.
        rate: The fraction of weights to drop, in [0, 1). It can be changed at any time.
        seed: The integer seed of the masks, mixed with the layer's name. `None` draws one.

    Shapes: As in the wrapped layer.

    Raises:
        ValueError: If `rate` is not in [0, 1), or `layer` has no kernel or an activity regularizer.

    Example:

    >>> layer = DropConnect(keras.layers.Dense(3), 0.5, seed=1)
    >>> layer(ops.ones((2, 4)), training=True).shape == (2, 3)
    True

    Reference: Wan et al., Regularization of Neural Networks using DropConnect, 2013,
    https://proceedings.mlr.press/v28/wan13.html
    """

    rate = LiveScalar("[0, 1)")

    def __init__(self, layer, rate, seed=None, **kwargs):
        super().__init__(layer, **kwargs)
        if layer.activity_regularizer is not None:
            raise ValueError(
                "`layer` must have no activity regularizer, which would be lost in training: give "
                f"`activity_regularizer` to DropConnect. Received: layer={layer!r}"
            )
        self.rate = rate
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)

    def call(self, inputs, training=False):
        if not training:
            return ops.cast(self.layer(inputs), self.compute_dtype)
        # In the scope, the layer reads other values of its variables, which stay unchanged.
        values = [(weight, self._dropped(weight)) for weight in self.layer.weights]
        with keras.StatelessScope(values):
            return ops.cast(self.layer(inputs), self.compute_dtype)

    def _dropped(self, weight):
        uniform = keras.random.uniform(weight.shape, dtype="float32", seed=self.seed_generator)
        mask = ops.cast(uniform >= self._rate, "float32") / (1.0 - self._rate)
        return ops.cast(weight, "float32") * mask

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
