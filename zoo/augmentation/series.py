"""`RandomShift1D`, `RandomScale1D` and `TimeWarp`: augmentation of series."""

from typing import Any

import keras
from keras import ops

from ...core.checks import check_integer, check_one_of
from ...core.live_scalar import LiveScalar
from .augmentation import Augmentation, as_float, as_type_of
from .draws import Draws


@keras.saving.register_keras_serializable(package="occam")
class RandomShift1D(Augmentation):
    """Shifts each series by a random number of whole steps in training.

        x'[t] = x[t - s],    s uniform in {-max_shift, ..., max_shift}

    Args:
        max_shift: The largest shift, in steps, rounded down. It can be changed at any time.
        fill_mode: The values beyond the border: "nearest", the value at the border; "wrap", the
            values from the other end, for periodic series; "constant", `fill_value`.
        fill_value: The value for "constant".
        seed: The integer seed of the draws. `None` draws one.

    Shapes: `(batch, steps, channels)`, unchanged. All channels are shifted together.

    Raises:
        ValueError: If an argument is out of range, or the input has another rank.

    Example:

    >>> import numpy as np
    >>> x = np.arange(5.0).reshape(1, 5, 1)
    >>> shifted = RandomShift1D(2, fill_mode="wrap", seed=3)(x, training=True)
    >>> sorted(np.asarray(shifted).ravel().tolist())
    [0.0, 1.0, 2.0, 3.0, 4.0]

    Reference: Iwana and Uchida, An Empirical Survey of Data Augmentation for Time Series
    Classification with Neural Networks, 2021, https://doi.org/10.1371/journal.pone.0254841
    """

    needs_channels_last = True

    max_shift = LiveScalar()

    def __init__(self, max_shift, fill_mode="nearest", fill_value=0.0, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        check_one_of("fill_mode", fill_mode, ("nearest", "wrap", "constant"))
        self.max_shift = max_shift
        self.fill_mode = fill_mode
        self.fill_value = fill_value

    def augment(self, inputs, draws):
        self.check_rank(inputs, 3)
        shape: Any = ops.shape(inputs)
        batch, length, _ = shape
        largest = ops.floor(self._max_shift)
        shift = ops.floor(draws.uniform((batch, 1), -largest, largest + 1.0))
        steps = ops.arange(length, dtype="int32")[None] - ops.cast(shift, "int32")
        if self.fill_mode == "wrap":
            return take_steps(inputs, ops.mod(steps, length))
        inside = ops.clip(steps, 0, length - 1)
        values = take_steps(inputs, inside)
        if self.fill_mode == "nearest":
            return values
        fill = ops.cast(self.fill_value, inputs.dtype)
        return ops.where(ops.equal(steps, inside)[..., None], values, fill)

    def get_config(self):
        return {
            **super().get_config(),
            "max_shift": self.max_shift,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
        }


@keras.saving.register_keras_serializable(package="occam")
class RandomScale1D(Augmentation):
    """Multiplies each series by a random number in training.

        x' = (1 + f) x,    f uniform in [-factor, factor)

    Args:
        factor: The largest relative change, in [0, 1]. It can be changed at any time.
        seed: The integer seed of the draws. `None` draws one.

    Shapes: `(batch, steps, channels)`, unchanged. All channels of a series have one factor.

    Raises:
        ValueError: If `factor` is out of range, or the input has another rank.

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


@keras.saving.register_keras_serializable(package="occam")
class TimeWarp(Augmentation):
    """Stretches and compresses each series smoothly along time in training.

    The series is read at the speed `exp(stddev * z)`, with z standard normal at `knots` evenly
    spaced steps and linear between them. The position is the sum of the speeds, scaled so that the
    first and the last step stay in place. Values between two steps are interpolated linearly.
    Unlike with the cubic spline of the paper, time never runs backwards.

    Args:
        stddev: The standard deviation of the logarithm of the speed, a number >= 0. It can be
            changed at any time. The paper uses 0.2.
        knots: The number of random speeds, at least 2.
        seed: The integer seed of the draws. `None` draws one.

    Shapes: `(batch, steps, channels)`, unchanged. All channels are warped together.

    Raises:
        ValueError: If an argument is out of range, or the input has another rank.

    Example: A rising series still rises, between the same ends.

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
        check_integer("knots", knots, 2)
        self.stddev = stddev
        self.knots = knots

    def augment(self, inputs, draws):
        self.check_rank(inputs, 3)
        x = as_float(inputs)
        shape: Any = ops.shape(x)
        batch, length, _ = shape
        return as_type_of(interpolate(x, self._positions(batch, length, draws)), inputs)

    def _positions(self, batch: Any, length: Any, draws: Draws) -> Any:
        """The positions to read, `(batch, length)`, rising from 0 to `length - 1`."""
        log_speed = self._stddev * draws.normal((batch, self.knots))
        at: Any = ops.linspace(0.0, self.knots - 1.0, length)
        distance = ops.abs(at[None] - ops.arange(self.knots, dtype="float32")[:, None])
        weights = ops.maximum(1.0 - distance, 0.0)  # linear interpolation between the knots
        walked = ops.cumsum(ops.exp(log_speed @ weights), axis=1)
        start, end = walked[:, :1], walked[:, -1:]
        last = ops.cast(length - 1, "float32")
        return last * (walked - start) / ops.maximum(end - start, keras.config.epsilon())

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "knots": self.knots}


def take_steps(x: Any, steps: Any) -> Any:
    """Return the values of each series at its row of the int32 `steps`, `(batch, new steps)`."""
    shape: Any = ops.shape(x)
    batch, length, channels = shape
    first = length * ops.arange(batch, dtype="int32")[:, None]
    # One flat gather: `take_along_axis` would first build an index of the size of the result.
    return ops.take(ops.reshape(x, (-1, channels)), first + steps, axis=0)


def interpolate(x: Any, positions: Any) -> Any:
    """Return the values of each series at its row of `positions`, linear between two steps."""
    last = ops.shape(x)[1] - 1
    positions = ops.clip(positions, 0.0, ops.cast(last, "float32"))
    left = ops.cast(ops.floor(positions), "int32")
    weight = ops.cast((positions - ops.cast(left, "float32"))[..., None], x.dtype)
    right = ops.minimum(left + 1, last)
    return (1 - weight) * take_steps(x, left) + weight * take_steps(x, right)
