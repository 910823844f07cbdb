"""`TimeWarp`: series that run faster here and slower there."""

from typing import Any

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .augmentation import Augmentation, as_float, as_type_of
from .draws import Draws
from .series import interpolate

__all__ = ["TimeWarp"]


@keras.saving.register_keras_serializable(package="occam")
class TimeWarp(Augmentation):
    """Reads each series at a speed that varies smoothly in training; else the identity.

    The speed is `exp(stddev * z)`, z standard normal at `knots` evenly spaced steps and linear
    between them. The position is the sum of the speeds, scaled so that the first and the last step
    stay where they are; values between two steps are interpolated linearly. Speeds are positive, so
    time never runs backwards, as it can with the normal speeds of the paper's cubic spline.

    Args:
        stddev: of the logarithm of the speed, assignable at any time; 0.2 is the paper's.
        knots: number of random speeds, at least 2.
        seed: integer seed of the draws; `None` draws one.

    Shapes: `(batch, steps, channels)`, unchanged. All channels are warped together.

    Raises:
        ValueError: an argument or the rank of the input is none of these.

    Example: what rises still rises, between the same ends.

    >>> import numpy as np
    >>> x = np.arange(9.0).reshape(1, 9, 1)
    >>> warped = np.asarray(TimeWarp(0.5, seed=1)(x, training=True)).ravel()
    >>> float(warped[0]), round(float(warped[-1]), 4), bool((np.diff(warped) > 0).all())
    (0.0, 8.0, True)

    Reference: Um et al., Data Augmentation of Wearable Sensor Data for Parkinson's Disease
    Monitoring using Convolutional Neural Networks, 2017, https://arxiv.org/abs/1706.00527
    """

    needs_channels_last = True

    stddev = LiveScalar()

    def __init__(self, stddev, knots=4, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        if not isinstance(knots, int) or knots < 2:
            raise ValueError(
                f"TimeWarp: `knots` must be an integer of at least 2. Received: knots={knots!r}"
            )
        self.stddev = stddev
        self.knots = knots

    def augment(self, inputs, draws):
        self.check_rank(inputs, 3)
        x = as_float(inputs)
        shape: Any = ops.shape(x)
        batch, length, _ = shape
        return as_type_of(interpolate(x, self._positions(batch, length, draws)), inputs)

    def _positions(self, batch: Any, length: Any, draws: Draws) -> Any:
        """Where each series is read, `(batch, length)`: rising from 0 to `length - 1`."""
        log_speed = self._stddev * draws.normal((batch, self.knots))
        walked = ops.cumsum(ops.exp(log_speed @ _between(self.knots, length)), axis=1)
        start, end = walked[:, :1], walked[:, -1:]
        last = ops.cast(length - 1, "float32")
        return last * (walked - start) / ops.maximum(end - start, keras.config.epsilon())

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "knots": self.knots}


def _between(knots: int, length: Any) -> Any:
    """The matrix `(knots, length)` of linear interpolation between evenly spaced knots."""
    at: Any = ops.linspace(0.0, knots - 1.0, length)
    distance = ops.abs(at[None] - ops.arange(knots, dtype="float32")[:, None])
    return ops.maximum(1.0 - distance, 0.0)
