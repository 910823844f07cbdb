"""`LogSpectrum`: the magnitudes of the Fourier transform of series."""

from typing import Any

import keras
from keras import ops

from ...core.checks import check_number, message
from .shared_arguments import check_channels_last


@keras.saving.register_keras_serializable(package="occam")
class LogSpectrum(keras.layers.Layer):
    """The logarithm of the magnitudes of the Fourier transform of each channel.

        y[k] = log(epsilon + |sum_t x[t] exp(-2 pi i k t / T)| / sqrt(T)),    k = 0, ..., T // 2

    The magnitudes do not change if a series is shifted around its end, so a dense layer that reads
    them finds a pattern wherever it begins. White noise of variance 1 has magnitudes around 1.

    Args:
        epsilon: A number > 0, below which magnitudes count as 0.

    Shapes: `(batch, steps, channels)` to `(batch, steps // 2 + 1, channels)`.

    Raises:
        ValueError: If `epsilon` is not a finite number > 0, Keras is set to "channels_first", or
            the number of steps is not known.

    Example: a shifted series has the same spectrum.

    >>> import numpy as np
    >>> x = np.sin(np.arange(8.0)).reshape(1, 8, 1)
    >>> layer = LogSpectrum()
    >>> layer(x).shape, bool(np.allclose(layer(x), layer(np.roll(x, 3, axis=1)), atol=1e-4))
    (TensorShape([1, 5, 1]), True)

    Reference: Oppenheim & Schafer, Discrete-Time Signal Processing, 2010, chapter 8.
    """

    def __init__(self, epsilon=0.1, **kwargs):
        super().__init__(**kwargs)
        check_channels_last(type(self).__name__)
        check_number("epsilon", epsilon, "(0, inf)")
        self.epsilon = epsilon

    def build(self, input_shape):
        if len(input_shape) != 3 or input_shape[1] is None:
            expected = "of shape (batch, steps, channels), with a known number of steps"
            raise ValueError(message("inputs", input_shape, expected))

    def call(self, inputs):
        steps = inputs.shape[1]
        spectrum: Any = ops.rfft(ops.cast(ops.swapaxes(inputs, 1, 2), "float32"))
        real, imaginary = spectrum
        power = (ops.square(real) + ops.square(imaginary)) / steps
        # The square root has no gradient at 0.
        magnitude = ops.sqrt(ops.maximum(power, keras.config.epsilon() ** 2))
        log = ops.log(self.epsilon + magnitude)
        return ops.cast(ops.swapaxes(log, 1, 2), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        batch, steps, channels = input_shape
        return (batch, steps // 2 + 1, channels)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
