"""`FusedAugmentation`: several image operations at the price of few."""

from typing import Any

import numpy as np
from keras import ops

from .augmentation import Augmentation, as_type_of
from .color import AFFINE, apply_color_map, color_map
from .draws import Draws
from .geometry import GEOMETRIC, transform, warp
from .operations import Drawn
from .rows import on_rows
from .sharpness import sharpen, sharpness_factor
from .tone import (
    auto_contrast,
    equalize,
    posterize,
    posterize_step,
    solarize,
    solarize_threshold,
)

__all__ = ["FusedAugmentation"]


class FusedAugmentation(Augmentation):
    """Does all operations that were drawn for a sample in few passes over its pixels.

    The affine color operations of a sample compose into one map of its colors, the geometric ones
    into one matrix and one warp. Whatever the order of the draws, they are done in this order:

        brightness, color, contrast; auto contrast; equalize; solarize; posterize; sharpness;
        shears, translations, rotation

    Between two semicolons, the order is the drawn one; two changes of sharpness multiply. A
    subclass defines `draw(count, draws) -> Drawn`.

    Args:
        value_range: lowest and highest value of the pixels: a pair of numbers, or of sequences
            with one number a channel where channels are standardized. Values outside are clipped.
        fill: what comes in from outside of the image, from 0, the lowest value, to 1, the highest.
        seed: integer seed of the draws; `None` draws one.
    """

    needs_channels_last = True

    def __init__(self, value_range=(0, 255), fill=0.5, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        low, high = (np.asarray(bound, "float32") for bound in _pair(self, value_range))
        if not (low < high).all():
            raise ValueError(
                f"{type(self).__name__}: `value_range` must be a lower and a higher value. "
                f"Received: value_range={value_range!r}"
            )
        if not 0 <= fill <= 1:
            raise ValueError(
                f"{type(self).__name__}: `fill` must be a number in [0, 1]. Received: fill={fill!r}"
            )
        self.value_range = tuple(value_range)
        self.fill = fill
        self._low, self._scale = low, 255 / (high - low)

    def draw(self, count: Any, draws: Draws) -> Drawn:
        """The operations of `count` samples."""
        raise NotImplementedError(f"{type(self).__name__} defines no `draw`.")

    def augment(self, inputs, draws):
        self.check_rank(inputs, 4)
        drawn = self.draw(ops.shape(inputs)[0], draws)
        levels = (ops.cast(inputs, "float32") - self._low) * self._scale
        levels = ops.clip(levels, 0.0, 255.0)  # a look-up table has no more
        levels = operate(levels, drawn, 255 * self.fill)
        return as_type_of(levels / self._scale + self._low, inputs)

    def get_config(self):
        return {**super().get_config(), "value_range": self.value_range, "fill": self.fill}


def operate(levels: Any, drawn: Drawn, fill: float) -> Any:
    """Does what was drawn to images of float32 levels in [0, 255]."""
    height, width = ops.shape(levels)[1:3]
    x = on_rows(apply_color_map, drawn.any_of(*AFFINE), levels, *color_map(drawn, levels))
    x = on_rows(auto_contrast, drawn.any_of("auto_contrast"), x)
    x = on_rows(equalize, drawn.any_of("equalize"), x)
    x = on_rows(solarize, drawn.any_of("solarize"), x, solarize_threshold(drawn))
    x = on_rows(posterize, drawn.any_of("posterize"), x, posterize_step(drawn))
    x = on_rows(sharpen, drawn.any_of("sharpness"), x, sharpness_factor(drawn))
    matrices = transform(drawn, height, width)
    return on_rows(
        lambda part, where: warp(part, where, fill), drawn.any_of(*GEOMETRIC), x, matrices
    )


def _pair(layer: Augmentation, value_range: Any) -> tuple[Any, Any]:
    if not isinstance(value_range, list | tuple) or len(value_range) != 2:
        raise ValueError(
            f"{type(layer).__name__}: `value_range` must be a pair. "
            f"Received: value_range={value_range!r}"
        )
    return value_range[0], value_range[1]
