"""`GaussianNoise`, with a standard deviation that can be changed during training."""

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .shared_arguments import seed_generator


@keras.saving.register_keras_serializable(package="occam")
class GaussianNoise(keras.layers.Layer):
    """Adds normal noise to each input in training. At inference, it is the identity.

        y = x + stddev * e,    e ~ Normal(0, 1)

    Small noise on the inputs of a network acts as a penalty on the derivatives of its outputs.
    Unlike in Keras' layer, `stddev` can be changed at any time, even inside `fit`.

    Args:
        stddev: The standard deviation of the noise, a number >= 0, in the unit of the inputs.
        seed: The integer seed of the noise, mixed with the layer's name. `None` draws one.

    Shapes: Any, unchanged.

    Raises:
        ValueError: If `stddev` is not a finite number >= 0.

    Example:

    >>> layer = GaussianNoise(0.0, seed=1)
    >>> layer.stddev = 0.1
    >>> layer.get_config()["stddev"]
    0.1

    Reference: Bishop, Training with Noise is Equivalent to Tikhonov Regularization, 1995,
    https://doi.org/10.1162/neco.1995.7.1.108
    """

    stddev = LiveScalar()

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)
        self.supports_masking = True

    def call(self, inputs, training=False):
        if not training:
            return inputs
        shape = ops.shape(inputs)
        noise = keras.random.normal(shape, dtype="float32", seed=self.seed_generator)
        return inputs + ops.cast(self._stddev * noise, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}
