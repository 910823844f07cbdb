"""`DropConnect`: a layer whose connections are dropped at random in training."""

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .kernel_wrapper import KernelWrapper
from .seeds import seed_generator

__all__ = ["DropConnect"]


@keras.saving.register_keras_serializable(package="occam")
class DropConnect(KernelWrapper):
    """Drops each weight and bias of the wrapped layer in training; is that layer otherwise.

        y = layer(x; W * M / (1 - rate)),    M ~ Bernoulli(1 - rate) for each weight

    One mask serves a whole step, not one for each sample as in the reference, where a batch takes
    as many kernels as it has samples; and inference uses the mean weights, not the reference's
    normal approximation of the units' inputs.

    Args:
        layer: a `Dense`, `EinsumDense` or `Conv` layer. An activity regularizer goes to the
            wrapper: `DropConnect(layer, rate, activity_regularizer=...)`.
        rate: fraction of the weights to drop, in [0, 1); assignable at any time.
        seed: integer seed of the masks, mixed with the layer's name; `None` draws one.

    Shapes: those of the wrapped layer.

    Raises:
        ValueError: `rate` is not in [0, 1), `layer` has no kernel or has an activity regularizer.

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
                "DropConnect: give `activity_regularizer` to the wrapper, not to the wrapped "
                f"layer, where it would be lost in training. Received: layer={layer!r}"
            )
        self.rate = rate
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)

    def call(self, inputs, training=False):
        if not training:
            return ops.cast(self.layer(inputs), self.compute_dtype)
        # The scope lends the layer other values for its variables and changes none of them.
        lent = [(weight, self._thinned(weight)) for weight in self.layer.weights]
        with keras.StatelessScope(lent):
            return ops.cast(self.layer(inputs), self.compute_dtype)

    def _thinned(self, weight):
        uniform = keras.random.uniform(weight.shape, dtype="float32", seed=self.seed_generator)
        mask = ops.cast(uniform >= self._rate, "float32") / (1.0 - self._rate)
        return ops.cast(weight, "float32") * mask

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
