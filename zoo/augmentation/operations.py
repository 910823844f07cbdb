"""The operations of `RandAugment` and `TrivialAugment`, and the ones drawn for a batch."""

from dataclasses import dataclass
from typing import Any

from keras import ops

AFFINE = ("brightness", "color", "contrast")
GEOMETRIC = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
OTHERS = ("sharpness", "posterize", "solarize", "auto_contrast", "equalize")
OPERATIONS = ("identity", *GEOMETRIC, *AFFINE, *OTHERS)


@dataclass(frozen=True)
class Ranges:
    """The effect of each operation at strength 1.

    Args:
        shear: The displacement in pixels per pixel.
        rotate: The angle in degrees.
        enhance: Brightness, color, contrast and sharpness are multiplied by `1 +- enhance`.
        posterize: The number of bits to remove, of 8.
        translate: The fraction of the side, or `None` for `translate_pixels`.
        translate_pixels: The translation in pixels.
    """

    shear: float
    rotate: float
    enhance: float
    posterize: int
    translate: float | None = None
    translate_pixels: float = 0.0

    def shift(self, side: Any) -> Any:
        """Return the largest translation along a side, in pixels."""
        if self.translate is None:
            return self.translate_pixels
        return self.translate * ops.cast(side, "float32")


@dataclass(frozen=True)
class Drawn:
    """The operations drawn for each sample of a batch.

    Args:
        choice: Indices into `OPERATIONS`, int32 `(batch, operations)`.
        strength: Numbers in [0, 1], float32 `(batch, operations)`.
        sign: 1 or -1, float32 `(batch, operations)`.
        ranges: The effect of strength 1.
    """

    choice: Any
    strength: Any
    sign: Any
    ranges: Ranges

    def is_(self, name: str) -> Any:
        """Return where an operation was drawn, booleans `(batch, operations)`."""
        return ops.equal(self.choice, OPERATIONS.index(name))

    def any_of(self, *names: str) -> Any:
        """Return which samples have one of these operations, booleans `(batch,)`."""
        chosen = [ops.any(self.is_(name), axis=1) for name in names]
        return ops.any(ops.stack(chosen), axis=0)

    def signed(self, name: str) -> Any:
        """Return signed strengths, 0 where the operation was not drawn, `(batch, operations)`."""
        return ops.where(self.is_(name), self.strength * self.sign, 0.0)

    def factor(self, name: str) -> Any:
        """Return factors of an enhancement, 1 where it was not drawn, `(batch, operations)`."""
        return 1.0 + self.ranges.enhance * self.signed(name)
