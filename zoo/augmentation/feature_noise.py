"""`FeatureNoise`: Gaussian noise on each feature of tables, series or images."""

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .augmentation import Augmentation, as_float, as_type_of


@keras.saving.register_keras_serializable(package="occam")
class FeatureNoise(Augmentation):
    """Adds Gaussian noise in training.

        x' = x + stddev * z,    z standard normal for each feature of each sample

    Small noise acts as a penalty on the derivatives of the model with respect to its inputs.

    Args:
        stddev: The standard deviation of the noise, a number >= 0, in the unit of the features. It
            can be changed at any time.
        seed: The integer seed of the draws. `None` draws one.

    Shapes: `(batch, features)`, `(batch, steps, channels)` or `(batch, height, width, channels)`,
    unchanged.

    Raises:
        ValueError: If `stddev` is negative, or the input has another rank.

    Example:

    >>> import numpy as np
    >>> noisy = np.asarray(FeatureNoise(0.1, seed=1)(np.zeros((100, 100)), training=True))
    >>> round(float(noisy.std()), 2)
    0.1

    Reference: Bishop, Training with Noise is Equivalent to Tikhonov Regularization, 1995,
    https://doi.org/10.1162/neco.1995.7.1.108
    """

    stddev = LiveScalar()

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.stddev = stddev

    def augment(self, inputs, draws):
        self.check_rank(inputs, 2, 3, 4)
        x = as_float(inputs)
        noise = self._stddev * draws.normal(ops.shape(x))
        return as_type_of(x + ops.cast(noise, x.dtype), inputs)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}
