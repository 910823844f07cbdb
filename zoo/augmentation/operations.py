"""The operations of `RandAugment` and `TrivialAugment`, their ranges, and the draw for a batch."""

from dataclasses import dataclass
from typing import Any

from keras import ops

AFFINE = ("brightness", "color", "contrast")
GEOMETRIC = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
OTHERS = ("sharpness", "posterize", "solarize", "auto_contrast", "equalize")
OPERATIONS = ("identity", *GEOMETRIC, *AFFINE, *OTHERS)


@dataclass(frozen=True)
class Ranges:
    """The effect of each operation at strength 1."""

    shear: float  # pixels per pixel
    rotate: float  # degrees
    enhance: float  # brightness, color, contrast and sharpness are multiplied by 1 +- enhance
    posterize: int  # bits to remove, of 8
    translate: float | None = None  # fraction of the side; `None` for translate_pixels
    translate_pixels: float = 0.0

    def shift(self, side: Any) -> Any:
        """Return the largest translation along a side, in pixels."""
        if self.translate is None:
            return self.translate_pixels
        return self.translate * ops.cast(side, "float32")


@dataclass(frozen=True)
class Drawn:
    """The operations drawn for each sample of a batch, as tensors `(batch, operations)`."""

    choice: Any  # indices into OPERATIONS, int32
    strength: Any  # in [0, 1]
    sign: Any  # 1 or -1
    ranges: Ranges

    def is_(self, name: str) -> Any:
        """Return booleans `(batch, operations)`: whether the operation drawn is `name`."""
        return ops.equal(self.choice, OPERATIONS.index(name))

    def any_of(self, *names: str) -> Any:
        """Return booleans `(batch,)`: whether a sample has any of these operations."""
        chosen = [ops.any(self.is_(name), axis=1) for name in names]
        return ops.any(ops.stack(chosen), axis=0)

    def signed(self, name: str) -> Any:
        """Return `sign * strength`, 0 where `name` was not drawn, `(batch, operations)`."""
        return ops.where(self.is_(name), self.strength * self.sign, 0.0)

    def factor(self, name: str) -> Any:
        """Return the factors `(batch, operations)` of an enhancement, 1 where it was not drawn."""
        return 1.0 + self.ranges.enhance * self.signed(name)
