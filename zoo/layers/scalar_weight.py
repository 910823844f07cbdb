"""`ScalarWeight`: a float attribute of a layer that stays live in a traced graph."""

import math
from typing import Any

import numpy as np

__all__ = ["ScalarWeight"]


class ScalarWeight:
    """A float attribute that a layer holds as a scalar, non-trainable float32 weight.

    A Python float is baked into the graph when the layer is traced: a later change does nothing.
    A weight is read at each step, on every backend. Assigning a float, before or after the layer
    is built, inside `fit` or between two calls, takes effect at once and traces nothing again;
    reading gives the float back. The weight itself, for use in `call`, is `layer._<name>`.

    Args:
        below: the value must be in `[0, below)`; infinity for any non-negative number.

    Raises:
        ValueError: on assignment of anything but a number in that range.
    """

    def __init__(self, *, below: float = math.inf):
        self.below = below

    def __set_name__(self, owner: type, name: str):
        self.name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        weight = np.asarray(getattr(layer, f"_{self.name}"), dtype="float32")
        # The shortest decimal that is this float32: 0.1, not 0.10000000149.
        return float(str(weight))

    def __set__(self, layer: Any, value: float):
        value = self.check(layer, value)
        weight = getattr(layer, f"_{self.name}", None)
        if weight is not None:
            weight.assign(value)
            return
        setattr(layer, f"_{self.name}", self.make(layer, value))

    def make(self, owner: Any, value: float) -> Any:
        """A new scalar that holds `value`, where `owner` keeps its scalars."""
        return owner.add_weight(
            name=self.name,
            shape=(),
            initializer=lambda shape, dtype: np.full(shape, value, dtype),
            dtype="float32",
            autocast=False,
            trainable=False,
        )

    def check(self, layer: Any, value: Any) -> float:
        """Returns `value` as a float, or says which argument of which layer is wrong."""
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not 0 <= value < self.below:
            raise ValueError(
                f"{type(layer).__name__}: `{self.name}` must be a number in [0, {self.below:g}). "
                f"Received: {self.name}={value!r}"
            )
        return float(value)
