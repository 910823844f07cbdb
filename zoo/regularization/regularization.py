"""`Regularization`: every penalty, rate and strength of a model, stated once."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.checks import check_type, message
from .field_kinds import Choice, Penalty, Strength
from .fields import Declarations


@dataclass(frozen=True, kw_only=True, repr=False)
class Regularization(Declarations):
    """Every penalty, rate and strength of a model in one immutable object.

    The value 0 switches a field off, and "none" switches `augmentation` off. With samples and
    labels `x, y` augmented and mixed and the labels smoothed, the training objective is

        E[ loss(y, f(x + noise; dropout, stochastic depth, ...)) ]
            + sum over kernels of  l1 |W|_1 + l2 |W|_2^2 + group_lasso sum_u sqrt(n) |W_u|_2
                                   + orthogonal mean |cos(W_u, W_v)| + hoyer |W|_1^2 / |W|_2^2
            + sum over hidden activations of  activity_l1 |h|_1 / N + activity_l2 |h|_2^2 / N

    with N the batch size, |W_u| <= max_norm for the n weights into each unit u, the gradient taken
    `sam_rho` uphill, and W <- (1 - learning_rate * weight_decay) W at each update. Biases and
    normalization layers are neither penalized nor decayed. In validation and test, only the
    penalties remain: the loss contains them, the data loss does not.

    Raises:
        ValueError: If a field is out of its range.

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
        for name, field in self.fields().items():
            object.__setattr__(self, name, field.check(name, getattr(self, name)))

    @classmethod
    def fields(cls) -> dict[str, Strength | Choice]:
        """Return the declaration of each field by name, in order."""
        return {field.name: field.metadata["declaration"] for field in dataclasses.fields(cls)}

    @classmethod
    def penalties(cls, where: str = "kernels") -> dict[str, Penalty]:
        """Return the declarations of the penalties on `"kernels"` or on `"activations"`."""
        fields = cls.fields().items()
        return {n: f for n, f in fields if isinstance(f, Penalty) and f.where == where}

    @classmethod
    def names(cls, where: str) -> tuple[str, ...]:
        """Return the names of the fields of the `"model"`, of the `"training"`, or of a place.

        >>> Regularization.names("maps")
        ('spatial_dropout', 'drop_block')
        """
        return tuple(n for n, f in cls.fields().items() if where in (f.applies_to, f.where))

    def on(self) -> dict[str, Any]:
        """Return the fields that are not off."""
        fields = self.fields()
        return {n: value for n, value in self.to_dict().items() if value != fields[n].off}

    def replace(self, **changes: Any) -> "Regularization":
        """Return a copy with some fields changed. An unknown name raises a `ValueError`."""
        return Regularization.from_dict({**self.to_dict(), **changes})

    def only(self, where: str) -> "Regularization":
        """Return a copy in which only the fields of `names(where)` are on."""
        return Regularization(**{name: getattr(self, name) for name in self.names(where)})

    def amount(self, names: tuple[str, ...] | None = None) -> float:
        """Return the sum of the positions of fields in their ranges, by default of all fields.

        Of two candidates that perform equally well, the tuner prefers the larger amount.
        """
        fields = self.fields()
        names = tuple(fields) if names is None else names
        return sum(fields[name].position(getattr(self, name)) for name in names)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by name."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Regularization":
        """Return the object with these fields; the others are off."""
        check_type("values", values, Mapping, "a dict of fields and values")
        if unknown := sorted(set(values) - set(cls.fields()), key=repr):
            raise ValueError(
                f"Regularization has no field {', '.join(map(repr, unknown))}. "
                f"Its fields: {', '.join(cls.fields())}"
            )
        return cls(**values)

    def to_json(self) -> str:
        """Return all fields as a JSON object."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> "Regularization":
        """Return the object with the fields of `to_json`. Any other text raises a `ValueError`."""
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(message("text", text, "a JSON object of fields and values"))
        return cls.from_dict(values)

    def __repr__(self) -> str:
        fields = self.fields()
        on = (f"{name}={fields[name].format(value)}" for name, value in self.on().items())
        return f"Regularization({', '.join(on)})"
