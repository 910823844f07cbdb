"""`Strength`, `Rate`, `Penalty` and `Choice`: the kinds of fields of `Regularization`."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ...core.checks import check_number, check_one_of

# The place where a field acts. The last three belong to the training, the others to the model.
# fmt: off
Place = Literal[
    "kernels", "activations", "units", "maps", "connections", "branches", "inputs",
    "samples", "labels", "updates",
]
# fmt: on
_IN_TRAINING = ("samples", "labels", "updates")


@dataclass(frozen=True, kw_only=True)
class Field:
    """The declaration of one field.

    Validation, wiring, surgery, command-line flags, search space and documentation follow from it.
    """

    help: str  # one line, with the unit
    where: Place
    reference: str  # authors, title, year, address
    off: ClassVar[Any]

    @property
    def applies_to(self) -> Literal["model", "training"]:
        """`"model"` if the field changes the layers that are built, else `"training"`."""
        return "training" if self.where in _IN_TRAINING else "model"

    def field(self) -> Any:
        """Return a dataclass field with this declaration, off by default."""
        return dataclasses.field(default=self.off, metadata={"declaration": self})

    def format(self, value: Any) -> str:
        """Return a value as text."""
        return repr(value) if isinstance(value, str) else f"{value:g}"


@dataclass(frozen=True, kw_only=True)
class Strength(Field):
    """A field that is a number; 0 switches it off.

    Args:
        below: The upper bound, itself excluded. The lower bound is 0.
        search: The smallest and the largest value to try when the field is on.
        scale: Whether the tuner samples `search` evenly in the value or in its logarithm.
        stronger: Whether a larger (`"up"`) or a smaller value (`"down"`) regularizes more.
    """

    below: float = math.inf
    search: tuple[float, float]
    scale: Literal["linear", "log"] = "log"
    stronger: Literal["up", "down"] = "up"
    off: ClassVar[float] = 0.0

    def check(self, name: str, value: Any) -> float:
        """Return `value` as a float; raise a `ValueError` if it is out of range."""
        check_number(name, value, f"[0, {self.below:g})")
        return float(value)

    @property
    def weakest(self) -> float:
        """The end of the search range that regularizes least."""
        return self.search[0 if self.stronger == "up" else 1]

    @property
    def middle(self) -> float:
        """The middle of the search range on its scale: a value to try without a search.

        >>> Strength(help="", where="units", search=(1e-6, 1e-2), reference="").middle
        0.0001
        """
        low, high = self.search
        middle = math.sqrt(low * high) if self.scale == "log" else (low + high) / 2
        return float(f"{middle:.2g}")

    def position(self, value: float) -> float:
        """Return 0 for off, else the position in `search`: 0.5 the weakest end, 1 the strongest."""
        if value == self.off:
            return 0.0
        low, high = self.search
        if self.scale == "log":
            low, high, value = map(math.log, (low, high, value))
        ratio = min(max((value - low) / (high - low), 0.0), 1.0)
        return 0.5 + 0.5 * (ratio if self.stronger == "up" else 1.0 - ratio)


@dataclass(frozen=True, kw_only=True)
class Rate(Strength):
    """A fraction or probability, less than 1."""

    below: float = 1.0
    scale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True, kw_only=True)
class Penalty(Strength):
    """The strength of a regularizer on kernels or on hidden activations.

    Fields of one class and place, such as `l1` and `l2`, become one object.

    Args:
        regularizer: The module and the class in `zoo.regularizers`, such as `"hoyer.Hoyer"`.
        argument: The argument of the class that takes the strength.
        options: The other arguments of the class.
        units: Whether the class ignores units, takes their axis as the argument `axis`, or needs
            two or more units along the last axis.
    """

    regularizer: str
    argument: str = "factor"
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    units: Literal["ignored", "one axis", "last axis"] = "ignored"


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """A field that is one of a few words; `"none"` switches it off.

    Args:
        options: The words that switch the field on, from the weakest to the strongest.
    """

    options: tuple[str, ...]
    off: ClassVar[str] = "none"

    def check(self, name: str, value: Any) -> str:
        """Return `value`; raise a `ValueError` if it is not one of the words."""
        check_one_of(name, value, (self.off, *self.options))
        return value

    @property
    def weakest(self) -> str:
        """The option that regularizes least."""
        return self.options[0]

    @property
    def middle(self) -> str:
        """The option in the middle: a value to try without a search."""
        return self.options[len(self.options) // 2]

    def position(self, value: str) -> float:
        """Return 0 for off, else the position in `options`: 0.5 the weakest, 1 the strongest."""
        if value == self.off:
            return 0.0
        return 0.5 + 0.5 * self.options.index(value) / max(len(self.options) - 1, 1)
