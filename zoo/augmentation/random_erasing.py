"""`RandomErasing`: erases a random rectangle of each image."""

import math
from typing import Any

import keras
from keras import ops

from ...core.checks import check_number, message
from ...core.live_scalar import LiveScalar
from .augmentation import Augmentation, as_float, as_type_of, bounds_of
from .draws import Draws


@keras.saving.register_keras_serializable(package="occam")
class RandomErasing(Augmentation):
    """Erases a random rectangle of each image in training, with some probability.

    The area of the rectangle is uniform in `area`, its ratio of height to width log-uniform in
    `aspect`, and its position uniform. A rectangle that does not fit into the image becomes shorter
    and wider, of the same area up to whole pixels. The paper draws again instead.

    Args:
        probability: The probability of erasing, in [0, 1]. It can be changed at any time.
        area: The smallest and largest area, as a fraction of the image in (0, 1].
        aspect: The smallest and largest ratio of height to width.
        value_range: The lowest and highest pixel value: two numbers, or one of each per channel.
        fill: The new value: "noise", uniform in `value_range` for each pixel and channel (the best
            in the paper), or a number from 0, the lowest value, to 1, the highest.
        seed: The integer seed of the draws. `None` draws one.

    Shapes: `(batch, height, width, channels)`, unchanged. Integers are rounded.

    Raises:
        ValueError: If an argument is out of range, or the input has another rank.

    Example: A quarter of each image turns black.

    >>> import numpy as np
    >>> erase = RandomErasing(1.0, area=(0.25, 0.25), aspect=(1, 1), fill=0, seed=1)
    >>> erased = np.asarray(erase(np.ones((2, 8, 8, 1), "float32"), training=True))
    >>> erased.mean(axis=(1, 2, 3)).tolist()
    [0.75, 0.75]

    Reference: Zhong et al., Random Erasing Data Augmentation, 2020,
    https://arxiv.org/abs/1708.04896
    """

    needs_channels_last = True

    probability = LiveScalar("[0, 1]")

    def __init__(
        self,
        probability=0.5,
        area=(0.02, 0.4),
        aspect=(0.3, 1 / 0.3),
        value_range=(0, 255),
        fill="noise",
        seed=None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        self.probability = probability
        self.area = _check_interval("area", area, 1)
        self.aspect = _check_interval("aspect", aspect, math.inf)
        if fill != "noise":
            check_number("fill", fill, "[0, 1]")
        bounds_of(value_range)
        self.value_range = tuple(value_range)
        self.fill = fill

    def augment(self, inputs, draws):
        self.check_rank(inputs, 4)
        shape: Any = ops.shape(inputs)
        batch, height, width, _ = shape
        tall, wide = self._sides(batch, height, width, draws)
        rows = _interval(tall, height, draws)[:, :, None, None]
        columns = _interval(wide, width, draws)[:, None, :, None]
        chosen = draws.uniform((batch, 1, 1, 1)) < self._probability
        erased = ops.logical_and(chosen, ops.logical_and(rows, columns))
        x = as_float(inputs)
        return as_type_of(ops.where(erased, ops.cast(self._filling(x, draws), x.dtype), x), inputs)

    def _sides(self, batch: Any, height: Any, width: Any, draws: Draws) -> tuple[Any, Any]:
        """Fractions of the height and the width, `(batch,)` each, whose product is the area."""
        area = draws.uniform((batch,), *self.area)
        aspect = ops.exp(draws.uniform((batch,), *map(math.log, self.aspect)))
        shape = ops.cast(width, "float32") / ops.cast(height, "float32")
        tall = ops.clip(ops.sqrt(area * aspect * shape), area, 1.0)
        return tall, area / tall

    def _filling(self, x: Any, draws: Draws) -> Any:
        low, high = bounds_of(self.value_range)
        if self.fill == "noise":
            return draws.uniform(ops.shape(x), low, high)
        return ops.convert_to_tensor(low + self.fill * (high - low), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "probability": self.probability,
            "area": self.area,
            "aspect": self.aspect,
            "value_range": self.value_range,
            "fill": self.fill,
        }


def _interval(share: Any, side: Any, draws: Draws) -> Any:
    """Random intervals over this share of a side, as booleans `(batch, side)`."""
    length = ops.round(share * ops.cast(side, "float32"))
    low = ops.floor(draws.uniform(ops.shape(share)) * (side - length + 1.0))
    position = ops.arange(side, dtype="float32")[None]
    return ops.logical_and(position >= low[:, None], position < (low + length)[:, None])


def _check_interval(name: str, bounds: Any, highest: float) -> tuple[float, float]:
    if len(bounds) != 2 or not 0 < bounds[0] <= bounds[1] <= highest:
        raise ValueError(message(name, bounds, f"two rising numbers in (0, {highest:g}]"))
    return tuple(bounds)
