"""`LogSpectrum` and `SortedValues`: what is in a series, wherever in it a pattern begins."""

import keras
import numpy as np
from keras import ops

from ...core.checks import check_number, message
from .shared_arguments import check_channels_last


@keras.saving.register_keras_serializable(package="occam")
class LogSpectrum(keras.layers.Layer):
    """The logarithm of the magnitudes of the Fourier transform of each channel.

        y[k] = log(epsilon + |sum_t x[t] exp(-2 pi i k t / T)| / sqrt(T)),    k = 0, ..., T // 2

    The magnitudes do not change if a series is shifted around its end, so a dense layer that reads
    them finds a pattern wherever it begins. White noise of variance 1 has magnitudes around 1.

    The transform is a product with constant matrices, of the cost of a dense layer with as many
    units as steps: a fast Fourier transform cannot be exported to ONNX, and to LiteRT only for
    steps that are a power of 2.

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
        steps = input_shape[1]
        turns = np.outer(np.arange(steps), np.arange(steps // 2 + 1)) % steps / steps
        waves = np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)])
        self._waves = (waves / np.sqrt(steps)).astype("float32")

    def call(self, inputs):
        real, imaginary = (
            ops.matmul(ops.cast(ops.swapaxes(inputs, 1, 2), "float32"), wave)
            for wave in self._waves
        )
        power = ops.square(real) + ops.square(imaginary)
        # The square root has no gradient at 0.
        magnitude = ops.sqrt(ops.maximum(power, keras.config.epsilon() ** 2))
        log = ops.log(self.epsilon + magnitude)
        return ops.cast(ops.swapaxes(log, 1, 2), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        batch, steps, channels = input_shape
        return (batch, steps // 2 + 1, channels)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="occam")
class SortedValues(keras.layers.Layer):
    """The values of each channel of a series in ascending order: its empirical quantiles.

    They do not depend on the order of the values, so a dense layer that reads them finds how often
    a series is high or low, whenever that is.

    Shapes: `(batch, steps, channels)`, unchanged.

    Raises:
        ValueError: If Keras is set to "channels_first", or the inputs are not series.

    Example:

    >>> import numpy as np
    >>> np.asarray(SortedValues()(np.array([[[3.0], [1.0], [2.0]]])))[0, :, 0].tolist()
    [1.0, 2.0, 3.0]

    Reference: David & Nagaraja, Order Statistics, 2003, chapter 1.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        check_channels_last(type(self).__name__)

    def build(self, input_shape):
        if len(input_shape) != 3:
            raise ValueError(message("inputs", input_shape, "of shape (batch, steps, channels)"))

    def call(self, inputs):
        return ops.sort(inputs, axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape
