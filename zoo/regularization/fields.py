"""`Strength` and `Choice`: what there is to know of one field of `Regularization`."""

import dataclasses
import math
import numbers
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

__all__ = ["Choice", "Strength", "fields_of"]


@dataclass(frozen=True, kw_only=True)
class Strength:
    """A field that is a number, 0 if it is off; read by everything that uses the field.

    Validation, the command line's flags, the tuner's search space and the documentation are
    derived from it.

    Args:
        help: what the field does, with its unit, in one line.
        symbol: the field's symbol in the reference's equations.
        below: the value must be smaller than this (infinity: no upper bound); 0 is the lower bound.
        search: the smallest and the largest value that are worth trying when the field is on.
        scale: how `search` is divided, evenly in the value or in its logarithm.
        stronger: whether a larger (`"up"`) or a smaller value (`"down"`) regularizes more.
        applies_to: who honours it: the `model` that is built, or its `training`.
        reference: authors, title, year, address.
    """

    help: str
    symbol: str
    below: float = math.inf
    search: tuple[float, float]
    scale: Literal["linear", "log"]
    stronger: Literal["up", "down"] = "up"
    applies_to: Literal["model", "training"]
    reference: str
    off: ClassVar[float] = 0.0

    def field(self) -> Any:
        """The dataclass field that this describes, off by default."""
        return dataclasses.field(default=self.off, metadata={"strength": self})

    def check(self, name: str, value: Any) -> float:
        """Returns `value` as a float, or says which field is wrong, its range, and what came."""
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not 0 <= value < self.below:
            bound = f"0 <= {name} < {self.below:g}" if self.below < math.inf else f"{name} >= 0"
            raise ValueError(
                f"Regularization.{name} must be a finite number with {bound} (0 is off). "
                f"Received: {name}={value!r}"
            )
        return float(value)

    @property
    def weakest(self) -> float:
        """The end of the search range that regularizes least."""
        return self.search[0 if self.stronger == "up" else 1]

    @property
    def middle(self) -> float:
        """The middle of the search range on the field's scale: what to try without a search.

        >>> Strength(help="", symbol="", search=(1e-6, 1e-2), scale="log", applies_to="model",
        ...          reference="").middle
        0.0001
        """
        low, high = self.search
        middle = math.sqrt(low * high) if self.scale == "log" else (low + high) / 2
        return float(f"{middle:.2g}")

    def position(self, value: float) -> float:
        """Where `value` lies in the search range: 0 is off, 1 its strong end, on the field's scale.

        Anything that is on counts at least a half, so that "on, but small" is more than "off".
        """
        if value == self.off:
            return 0.0
        low, high = self.search
        ratio = (
            math.log(value / low) / math.log(high / low)
            if self.scale == "log"
            else (value - low) / (high - low)
        )
        ratio = min(max(ratio, 0.0), 1.0)
        return 0.5 + 0.5 * (ratio if self.stronger == "up" else 1.0 - ratio)

    def format(self, value: float) -> str:
        """The value as it is printed."""
        return f"{value:g}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A field that is one of a few words, `"none"` if it is off.

    Args:
        help: what the field does, in one line.
        symbol: the field's symbol in equations.
        options: what may be chosen when the field is on, from the weakest to the strongest.
        applies_to: who honours it: the `model` that is built, or its `training`.
        reference: authors, title, year, address.
    """

    help: str
    symbol: str
    options: tuple[str, ...]
    applies_to: Literal["model", "training"]
    reference: str
    off: ClassVar[str] = "none"

    def field(self) -> Any:
        """The dataclass field that this describes, off by default."""
        return dataclasses.field(default=self.off, metadata={"strength": self})

    def check(self, name: str, value: Any) -> str:
        """Returns `value`, or says which field is wrong, what it may be, and what came."""
        if value != self.off and value not in self.options:
            raise ValueError(
                f"Regularization.{name} must be one of {', '.join(self.options)}, or {self.off} "
                f"(off). Received: {name}={value!r}"
            )
        return str(value)

    @property
    def weakest(self) -> str:
        """The option that regularizes least."""
        return self.options[0]

    @property
    def middle(self) -> str:
        """The option in the middle: what to try without a search."""
        return self.options[len(self.options) // 2]

    def position(self, value: str) -> float:
        """Where `value` lies among the options: 0 is off, a half the weakest, 1 the strongest."""
        if value == self.off:
            return 0.0
        return 0.5 + 0.5 * self.options.index(value) / max(len(self.options) - 1, 1)

    def format(self, value: str) -> str:
        """The value as it is printed."""
        return repr(value)


def fields_of(cls: Any) -> Iterator[tuple[str, Strength | Choice]]:
    """Name and description of each field of a dataclass that is made of them."""
    for field in dataclasses.fields(cls):
        yield field.name, field.metadata["strength"]
