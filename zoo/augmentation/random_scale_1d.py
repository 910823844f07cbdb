"""`RandomScale1D`: series of other amplitudes."""

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .augmentation import Augmentation, as_float, as_type_of

__all__ = ["RandomScale1D"]


@keras.saving.register_keras_serializable(package="occam")
class RandomScale1D(Augmentation):
    """Multiplies each series by a random number in training; else the identity.

        x' = (1 + f) x,    f uniform in [-factor, factor)

    Args:
        factor: largest relative change of the amplitude, in [0, 1]; assignable at any time.
        seed: integer seed of the draws; `None` draws one.

    Shapes: `(batch, steps, channels)`, unchanged. All channels have one factor.

    Raises:
        ValueError: `factor` or the rank of the input is none of these.

    Example:

    >>> import numpy as np
    >>> scaled = np.asarray(RandomScale1D(0.5, seed=1)(np.ones((2, 3, 1)), training=True))
    >>> bool((abs(scaled - 1) <= 0.5).all() and (np.ptp(scaled, axis=1) == 0).all())
    True

    Reference: Um et al., Data Augmentation of Wearable Sensor Data for Parkinson's Disease
    Monitoring using Convolutional Neural Networks, 2017, https://arxiv.org/abs/1706.00527
    """

    needs_channels_last = True

    factor = LiveScalar("[0, 1]")

    def __init__(self, factor, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.factor = factor

    def augment(self, inputs, draws):
        self.check_rank(inputs, 3)
        x = as_float(inputs)
        change = draws.uniform((ops.shape(x)[0], 1, 1), -self._factor, self._factor)
        return as_type_of(x * ops.cast(1 + change, x.dtype), inputs)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
