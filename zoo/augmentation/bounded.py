"""`Bounded`: a live float attribute of a layer with a largest value."""

from typing import Any

import numpy as np

from ..layers.scalar_weight import ScalarWeight

__all__ = ["Bounded"]


class Bounded(ScalarWeight):
    """A `ScalarWeight` in [0, highest], both ends included; a probability by default.

    Args:
        highest: the largest value.

    Raises:
        ValueError: on assignment of anything but a number in that range.
    """

    def __init__(self, highest: float = 1.0):
        super().__init__()
        self.highest = highest

    def check(self, layer: Any, value: Any) -> float:
        """Returns `value` as a float, or says which argument of which layer is wrong."""
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not 0 <= value <= self.highest:
            raise ValueError(
                f"{type(layer).__name__}: `{self.name}` must be a number in "
                f"[0, {self.highest:g}]. Received: {self.name}={value!r}"
            )
        return float(value)
