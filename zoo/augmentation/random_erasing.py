"""`RandomErasing`: images with a rectangle missing."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from ...core.live_scalar import LiveScalar
from .augmentation import Augmentation, as_float, as_type_of
from .draws import Draws

__all__ = ["RandomErasing"]


@keras.saving.register_keras_serializable(package="occam")
class RandomErasing(Augmentation):
    """Erases a random rectangle of each image with a probability in training; else the identity.

    The rectangle's share of the image is uniform in `area`, its ratio of height to width
    log-uniform in `aspect`, its place uniform. One that is too long for the image is made as long
    as the image and wider, where the paper draws again: the share stays what was drawn, up to
    whole pixels.

    Args:
        probability: of erasing, in [0, 1], assignable at any time.
        area: smallest and largest share of the image, in (0, 1].
        aspect: smallest and largest ratio of height to width.
        value_range: lowest and highest value of the pixels: a pair of numbers, or of sequences
            with one number a channel.
        fill: what to erase with: "noise", uniform in `value_range` for each pixel and channel
            (the paper's best), or a number from 0, the lowest value, to 1, the highest.
        seed: integer seed of the draws; `None` draws one.

    Shapes: `(batch, height, width, channels)`, unchanged; integers are rounded.

    Raises:
        ValueError: an argument or the rank of the input is none of these.

    Example: a quarter of each image turns black.

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
        self.area = _ordered("area", area, highest=1)
        self.aspect = _ordered("aspect", aspect, highest=math.inf)
        if fill != "noise" and not (isinstance(fill, int | float) and 0 <= fill <= 1):
            raise ValueError(
                f'RandomErasing: `fill` must be "noise" or in [0, 1]. Received: fill={fill!r}'
            )
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
        """Shares of the image's height and width, `(batch,)` each, whose product is the area."""
        area = draws.uniform((batch,), *self.area)
        aspect = ops.exp(draws.uniform((batch,), *map(math.log, self.aspect)))
        shape = ops.cast(width, "float32") / ops.cast(height, "float32")
        tall = ops.clip(ops.sqrt(area * aspect * shape), area, 1.0)
        return tall, area / tall

    def _filling(self, x: Any, draws: Draws) -> Any:
        low, high = (np.asarray(bound, "float32") for bound in self.value_range)
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
    """Where a random interval of this share of a side is, booleans `(batch, side)`."""
    length = ops.round(share * ops.cast(side, "float32"))
    low = ops.floor(draws.uniform(ops.shape(share)) * (side - length + 1.0))
    position = ops.arange(side, dtype="float32")[None]
    return ops.logical_and(position >= low[:, None], position < (low + length)[:, None])


def _ordered(name: str, bounds: Any, highest: float) -> tuple[float, float]:
    if len(bounds) != 2 or not 0 < bounds[0] <= bounds[1] <= highest:
        raise ValueError(
            f"RandomErasing: `{name}` must be two rising numbers in (0, {highest:g}]. "
            f"Received: {name}={bounds!r}"
        )
    return tuple(bounds)
