"""`Regularization`: every penalty, rate and strength of a model, stated once."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.checks import check_type
from .fields import Choice, Strength, fields_of
from .noise import Noise
from .penalties import Penalties
from .samples import Samples
from .updates import Updates

__all__ = ["Regularization"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Regularization(Samples, Noise, Updates, Penalties):
    """Every penalty, rate and strength of a model in one immutable object.

    0 switches a field off, and "none" does `augmentation`. With the samples and labels `x, y`
    augmented and mixed and the labels smoothed, the training objective it stands for is

        E[ loss(y, f(x + noise; dropout, stochastic depth, ...)) ]
            + sum over kernels of  l1 |W|_1 + l2 |W|_2^2 + group_lasso sum_u sqrt(n) |W_u|_2
                                   + orthogonal mean |cos(W_u, W_v)| + hoyer |W|_1^2 / |W|_2^2
            + sum over hidden activations of  activity_l1 |h|_1 / N + activity_l2 |h|_2^2 / N

    with N the batch size, |W_u| <= max_norm for the n weights into each unit u, the gradient taken
    `sam_rho` uphill, and W <- (1 - learning_rate * weight_decay) W at each update. Biases and
    normalization layers are never penalized nor decayed. Validation and test see none of it but the
    penalties, which their loss contains and their data loss does not.

    Raises:
        ValueError: a field is not in its range; the message names field, range and value.

    Example:

    >>> regularization = Regularization(l2=1e-4, dropout=0.2, augmentation="light")
    >>> regularization
    Regularization(l2=0.0001, dropout=0.2, augmentation='light')
    >>> regularization.replace(dropout=0.0, augmentation="none")
    Regularization(l2=0.0001)
    >>> Regularization.from_json(regularization.to_json()) == regularization
    True
    """

    def __post_init__(self):
        for name, strength in self.strengths().items():
            object.__setattr__(self, name, strength.check(name, getattr(self, name)))

    @classmethod
    def strengths(cls) -> dict[str, Strength | Choice]:
        """What each field is, by name, in the order in which they are declared."""
        return dict(fields_of(cls))

    @classmethod
    def names(cls, applies_to: str) -> tuple[str, ...]:
        """The fields that the `"model"` honours, or those that its `"training"` does."""
        return tuple(n for n, s in cls.strengths().items() if s.applies_to == applies_to)

    def on(self) -> dict[str, Any]:
        """The fields that are not off."""
        strengths = self.strengths()
        return {n: value for n, value in self.to_dict().items() if value != strengths[n].off}

    def replace(self, **changes: Any) -> "Regularization":
        """The same with some fields changed; an unknown name is an error that lists the fields."""
        return Regularization.from_dict({**self.to_dict(), **changes})

    def only(self, applies_to: str) -> "Regularization":
        """The part that the `"model"` honours, or the part that its `"training"` does."""
        return Regularization(**{name: getattr(self, name) for name in self.names(applies_to)})

    def amount(self, names: tuple[str, ...] | None = None) -> float:
        """How much regularization this is: the sum of the fields' positions in their ranges.

        A convention, to tell the more from the less regularized of two candidates that do equally
        well; the scales are those of `Strength.search`.
        """
        strengths = self.strengths()
        names = tuple(strengths) if names is None else names
        return sum(strengths[name].position(getattr(self, name)) for name in names)

    def to_dict(self) -> dict[str, Any]:
        """All fields, by name."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Regularization":
        """The inverse of `to_dict`; fields that are left out are off."""
        check_type("values", values, Mapping, "a dict of fields and values")
        if unknown := sorted(set(values) - set(cls.strengths()), key=repr):
            raise ValueError(
                f"Regularization has no field {', '.join(map(repr, unknown))}. "
                f"Its fields: {', '.join(cls.strengths())}"
            )
        return cls(**values)

    def to_json(self) -> str:
        """One JSON object with all fields."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> "Regularization":
        """The inverse of `to_json`.

        Raises:
            ValueError: `text` is not a JSON object, has unknown fields or values out of range.
        """
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"Expected a JSON object of fields and values. Received: {text}")
        return cls.from_dict(values)

    def __repr__(self) -> str:
        strengths = self.strengths()
        on = (f"{name}={strengths[name].format(value)}" for name, value in self.on().items())
        return f"Regularization({', '.join(on)})"
