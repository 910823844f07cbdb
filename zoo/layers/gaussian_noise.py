"""`GaussianNoise` with a standard deviation that can be changed at any time."""

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .seeds import seed_generator

__all__ = ["GaussianNoise"]


@keras.saving.register_keras_serializable(package="occam")
class GaussianNoise(keras.layers.Layer):
    """Adds normal noise to each input in training; exactly the identity otherwise.

        y = x + stddev * e,    e ~ Normal(0, 1)

    On the inputs of a network, small noise acts as a penalty on the steepness of what it computes.
    Unlike in Keras' layer of the same name, `stddev` is a weight: an assignment is live at once.

    Args:
        stddev: standard deviation of the noise, a number >= 0, in the unit of the inputs.
        seed: integer seed of the noise, mixed with the layer's name; `None` draws one.

    Shapes: any, unchanged.

    Raises:
        ValueError: `stddev` is not a finite number >= 0, when made and when assigned.

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
