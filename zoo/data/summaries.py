"""`fit_summaries`: the spectrum and the quantiles of series beside their values, for `mlp`."""

from typing import Any

import keras
import numpy as np
from keras import ops

from ...core.checks import check_bool, check_number, message
from .preprocessing import fit_standardization
from .series_features import check_series, with_standardized_features


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

    Shapes: `(batch, steps, channels)` to `(batch, steps // 2 + 1, channels)`, in float32 under any
    policy.

    Raises:
        ValueError: If `epsilon` is not a finite number > 0, or the number of steps is not known.

    Example: a shifted series has the same spectrum.

    >>> x = np.sin(np.arange(8.0)).reshape(1, 8, 1)
    >>> layer = LogSpectrum()
    >>> layer(x).shape, bool(np.allclose(layer(x), layer(np.roll(x, 3, axis=1)), atol=1e-4))
    (TensorShape([1, 5, 1]), True)

    Reference: Oppenheim & Schafer, Discrete-Time Signal Processing, 2010, chapter 8.
    """

    def __init__(self, epsilon=0.1, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
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
        real, imaginary = (ops.matmul(ops.swapaxes(inputs, 1, 2), wave) for wave in self._waves)
        power = ops.square(real) + ops.square(imaginary)
        # The square root has no gradient at 0.
        magnitude = ops.sqrt(ops.maximum(power, keras.config.epsilon() ** 2))
        return ops.swapaxes(ops.log(self.epsilon + magnitude), 1, 2)

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

    Args:
        differences: Whether to sort `x[t + 1] - x[t]` in place of `x[t]`.

    Shapes: `(batch, steps, channels)`, unchanged; one step fewer of differences.

    Raises:
        TypeError: If `differences` is not a bool.
        ValueError: If the inputs are not series.

    Example:

    >>> np.asarray(SortedValues()(np.array([[[3.0], [1.0], [2.0]]])))[0, :, 0].tolist()
    [1.0, 2.0, 3.0]

    Reference: David & Nagaraja, Order Statistics, 2003, chapter 1.
    """

    def __init__(self, differences=False, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        check_bool("differences", differences)
        self.differences = differences

    def build(self, input_shape):
        if len(input_shape) != 3:
            raise ValueError(message("inputs", input_shape, "of shape (batch, steps, channels)"))

    def call(self, inputs):
        return ops.sort(inputs[:, 1:] - inputs[:, :-1] if self.differences else inputs, axis=1)

    def compute_output_shape(self, input_shape):
        batch, steps, channels = input_shape
        return (batch, steps - self.differences if steps is not None else None, channels)

    def get_config(self):
        return {**super().get_config(), "differences": self.differences}


def fit_summaries(split: Any, origin: str) -> keras.Model:
    """Return the model from series to their values and to what they are wherever a pattern begins.

        [x, log_spectrum(x), sorted(x), sorted(x[1:] - x[:-1])]

    of each standardized channel. Each of these features is standardized by the part.

    Args:
        split: The raw training part, in memory.
        origin: The source of the data, for error messages.

    Raises:
        ValueError: If the part is no series of at least 2 steps, or not in memory.
    """
    check_series(split, origin, standardize="summaries", steps=2)
    inputs = keras.Input(split.input_shape, name="series")
    x = fit_standardization(split, origin)(inputs)
    views = [
        x,
        LogSpectrum(name="log_spectrum")(x),
        SortedValues(name="sorted_values")(x),
        SortedValues(differences=True, name="sorted_differences")(x),
    ]
    joined = keras.layers.Flatten(name="joined")(keras.layers.Concatenate(axis=1)(views))
    return with_standardized_features(split, inputs, joined, name="series_summaries")
