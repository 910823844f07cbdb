"""`RandomShift1D`: series that begin earlier or later."""

from typing import Any

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .augmentation import Augmentation
from .series import take_steps

__all__ = ["RandomShift1D"]

FILL_MODES = ("nearest", "wrap", "constant")


@keras.saving.register_keras_serializable(package="occam")
class RandomShift1D(Augmentation):
    """Shifts each series by a random number of whole steps in training; else the identity.

        x'[t] = x[t - s],    s uniform in {-max_shift, ..., max_shift}

    Args:
        max_shift: largest shift in steps, to either side; assignable at any time. A fraction is
            rounded down.
        fill_mode: what comes in at the border: "nearest", the value that was there; "wrap", what
            goes out at the other end, for periodic series; "constant", `fill_value`.
        fill_value: for "constant".
        seed: integer seed of the draws; `None` draws one.

    Shapes: `(batch, steps, channels)`, unchanged. All channels are shifted together.

    Raises:
        ValueError: an argument or the rank of the input is none of these.

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
        if fill_mode not in FILL_MODES:
            raise ValueError(
                f"RandomShift1D: `fill_mode` must be one of {FILL_MODES}. "
                f"Received: fill_mode={fill_mode!r}"
            )
        self.max_shift = max_shift
        self.fill_mode = fill_mode
        self.fill_value = fill_value

    def augment(self, inputs, draws):
        self.check_rank(inputs, 3)
        shape = ops.shape(inputs)
        largest = ops.floor(self._max_shift)
        shift = ops.floor(draws.uniform((shape[0], 1), -largest, largest + 1.0))
        steps = ops.arange(shape[1], dtype="int32")[None] - ops.cast(shift, "int32")
        return self._at(inputs, steps, shape[1])

    def _at(self, x: Any, steps: Any, length: Any) -> Any:
        if self.fill_mode == "wrap":
            return take_steps(x, ops.mod(steps, length))
        inside = ops.clip(steps, 0, length - 1)
        values = take_steps(x, inside)
        if self.fill_mode == "nearest":
            return values
        fill = ops.cast(self.fill_value, x.dtype)
        return ops.where(ops.equal(steps, inside)[..., None], values, fill)

    def get_config(self):
        return {
            **super().get_config(),
            "max_shift": self.max_shift,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
        }
