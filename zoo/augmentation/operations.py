"""What RandAugment and TrivialAugment choose from, and what they have chosen."""

from dataclasses import dataclass
from typing import Any

from keras import ops

__all__ = ["OPERATIONS", "Drawn", "Ranges"]

OPERATIONS = (
    "identity",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "brightness",
    "color",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "auto_contrast",
    "equalize",
)


@dataclass(frozen=True)
class Ranges:
    """What each operation does at strength 1.

    Args:
        shear: pixels of displacement a pixel.
        translate: fraction of the side, or None for `translate_pixels`.
        translate_pixels: pixels.
        rotate: degrees.
        enhance: brightness, color, contrast and sharpness are multiplied by `1 +- enhance`.
        posterize: bits to remove, of 8.
    """

    shear: float
    rotate: float
    enhance: float
    posterize: int
    translate: float | None = None
    translate_pixels: float = 0.0

    def shift(self, side: Any) -> Any:
        """The largest translation along a side, in pixels."""
        if self.translate is None:
            return self.translate_pixels
        return self.translate * ops.cast(side, "float32")


@dataclass(frozen=True)
class Drawn:
    """The operations of each sample of a batch.

    Args:
        choice: indices into `OPERATIONS`, int32 `(batch, operations)`.
        strength: in [0, 1], float32 `(batch, operations)`.
        sign: 1 or -1, float32 `(batch, operations)`.
        ranges: what strength 1 is.
    """

    choice: Any
    strength: Any
    sign: Any
    ranges: Ranges

    def is_(self, name: str) -> Any:
        """Where an operation was chosen, booleans `(batch, operations)`."""
        return ops.equal(self.choice, OPERATIONS.index(name))

    def any_of(self, *names: str) -> Any:
        """Which samples have one of these operations, booleans `(batch,)`."""
        chosen = [ops.any(self.is_(name), axis=1) for name in names]
        return ops.any(ops.stack(chosen), axis=0)

    def signed(self, name: str) -> Any:
        """Strength with its sign where an operation was chosen, else 0; `(batch, operations)`."""
        return ops.where(self.is_(name), self.strength * self.sign, 0.0)

    def unsigned(self, name: str) -> Any:
        """Strength where an operation was chosen, else 0; `(batch, operations)`."""
        return ops.where(self.is_(name), self.strength, 0.0)

    def factor(self, name: str) -> Any:
        """The factor of an enhancement, 1 where it was not chosen; `(batch, operations)`."""
        return 1.0 + self.ranges.enhance * self.signed(name)
