"""`DropConnect`: drops weights of a layer; and the base of wrappers of a layer with a kernel."""

import keras
from keras import ops
from keras.layers import Conv1D, Conv2D, Conv3D, Dense, EinsumDense

from ...core.checks import message
from ...core.live_scalar import LiveScalar
from .shared_arguments import seed_generator

KERNEL_LAYERS = (Dense, EinsumDense, Conv1D, Conv2D, Conv3D)


class KernelWrapper(keras.layers.Wrapper):
    """Base class that wraps a layer with a kernel, by default in the precision of the layer."""

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, KERNEL_LAYERS):
            raise ValueError(message("layer", layer, "a Dense, EinsumDense or Conv layer"))
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(layer, **kwargs)

    def compute_mask(self, inputs, previous_mask):
        if self.layer.supports_masking:
            return self.layer.compute_mask(inputs, previous_mask)
        return None  # the wrapped layer warns

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)


@keras.saving.register_keras_serializable(package="occam")
class DropConnect(KernelWrapper):
    """Drops weights and biases of the wrapped layer in training.

        y = layer(x; W * M / (1 - rate)),    M ~ Bernoulli(1 - rate) for each weight

    At inference, the wrapped layer is unchanged. All samples of a step share one mask. The paper
    draws one for each sample, and approximates the average over masks at inference by sampling.

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
        values = [(weight, self._dropped(weight)) for weight in self.layer.weights]
        with keras.StatelessScope(values):  # replaces what the layer reads, not the variables
            return ops.cast(self.layer(inputs), self.compute_dtype)

    def _dropped(self, weight):
        uniform = keras.random.uniform(weight.shape, dtype="float32", seed=self.seed_generator)
        mask = ops.cast(uniform >= self._rate, "float32") / (1.0 - self._rate)
        return ops.cast(weight, "float32") * mask

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
