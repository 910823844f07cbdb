"""`Regularization`: every penalty, rate and strength of a model, stated once."""

import dataclasses
import json
import math
import numbers
from dataclasses import dataclass, field, fields
from typing import Any, Literal

__all__ = ["Regularization", "Strength"]


@dataclass(frozen=True)
class Strength:
    """What there is to know of one field of `Regularization`, read by everything that uses it.

    Validation, the command line's flags and the tuner's search space are derived from it.

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
    below: float
    search: tuple[float, float]
    scale: Literal["linear", "log"]
    applies_to: Literal["model", "training"]
    reference: str
    stronger: Literal["up", "down"] = "up"

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

    def position(self, value: float) -> float:
        """Where `value` lies in the search range: 0 is off, 1 its strong end, on the field's scale.

        Anything that is on counts at least a half, so that "on, but small" is more than "off".
        """
        if value == 0:
            return 0.0
        low, high = self.search
        ratio = (
            math.log(value / low) / math.log(high / low)
            if self.scale == "log"
            else (value - low) / (high - low)
        )
        ratio = min(max(ratio, 0.0), 1.0)
        return 0.5 + 0.5 * (ratio if self.stronger == "up" else 1.0 - ratio)


def _strength(**about: Any) -> Any:
    return field(default=0.0, metadata={"strength": Strength(**about)})


@dataclass(frozen=True, kw_only=True, repr=False)
class Regularization:
    """Every penalty, rate and strength of a model in one immutable object.

    Every field is a float and 0 switches it off. The training objective it stands for is

        E[ loss(y', f(x + noise; dropout, stochastic depth)) ]
            + sum over kernels of  l1 |W|_1 + l2 |W|_2^2
            + sum over hidden activations of  activity_l1 |h|_1 / n + activity_l2 |h|_2^2 / n

    with y' the smoothed labels, n the batch size, |w| <= max_norm for the weights into each unit,
    and W <- (1 - learning_rate * weight_decay) W at each update. Biases and normalization layers
    are never penalized nor decayed.

    Raises:
        ValueError: a field is not a number in its range; the message names field, range and value.

    Example:

    >>> regularization = Regularization(l2=1e-4, dropout=0.2)
    >>> regularization
    Regularization(l2=0.0001, dropout=0.2)
    >>> regularization.replace(dropout=0.0)
    Regularization(l2=0.0001)
    >>> Regularization.from_json(regularization.to_json()) == regularization
    True
    """

    l1: float = _strength(
        help="L1 penalty on kernels: l1 * sum|W|",
        symbol="lambda_1",
        below=math.inf,
        search=(1e-6, 1e-3),
        scale="log",
        applies_to="model",
        reference="Tibshirani, Regression Shrinkage and Selection via the Lasso, 1996, "
        "https://www.jstor.org/stable/2346178",
    )
    l2: float = _strength(
        help="L2 penalty on kernels: l2 * sum W^2",
        symbol="lambda_2",
        below=math.inf,
        search=(1e-6, 1e-2),
        scale="log",
        applies_to="model",
        reference="Hoerl & Kennard, Ridge Regression, 1970, "
        "https://doi.org/10.1080/00401706.1970.10488634",
    )
    activity_l1: float = _strength(
        help="L1 penalty on hidden activations, per sample",
        symbol="alpha_1",
        below=math.inf,
        search=(1e-7, 1e-3),
        scale="log",
        applies_to="model",
        reference="Glorot, Bordes & Bengio, Deep Sparse Rectifier Neural Networks, 2011, "
        "https://proceedings.mlr.press/v15/glorot11a.html",
    )
    activity_l2: float = _strength(
        help="L2 penalty on hidden activations, per sample",
        symbol="alpha_2",
        below=math.inf,
        search=(1e-7, 1e-3),
        scale="log",
        applies_to="model",
        reference="Merity, McCann & Socher, Revisiting Activation Regularization, 2017, "
        "https://arxiv.org/abs/1708.01009",
    )
    weight_decay: float = _strength(
        help="decoupled decay of kernels, times the learning rate, at each update",
        symbol="lambda",
        below=math.inf,
        search=(1e-4, 1.0),
        scale="log",
        applies_to="training",
        reference="Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2019, "
        "https://arxiv.org/abs/1711.05101",
    )
    max_norm: float = _strength(
        help="largest L2 norm of the weights into one unit (0: no limit)",
        symbol="c",
        below=math.inf,
        search=(0.5, 8.0),
        scale="log",
        stronger="down",
        applies_to="model",
        reference="Srivastava et al., Dropout, 2014, section 5.1, "
        "https://jmlr.org/papers/v15/srivastava14a.html",
    )
    dropout: float = _strength(
        help="fraction of hidden units dropped in training",
        symbol="1 - p",
        below=1.0,
        search=(0.05, 0.6),
        scale="linear",
        applies_to="model",
        reference="Srivastava et al., Dropout, 2014, https://jmlr.org/papers/v15/srivastava14a.html",
    )
    stochastic_depth: float = _strength(
        help="drop rate of the last residual branch, linear from 0 at the first",
        symbol="1 - p_L",
        below=1.0,
        search=(0.05, 0.5),
        scale="linear",
        applies_to="model",
        reference="Huang et al., Deep Networks with Stochastic Depth, 2016, "
        "https://arxiv.org/abs/1603.09382",
    )
    label_smoothing: float = _strength(
        help="share of each label spread evenly over all classes in training",
        symbol="epsilon",
        below=1.0,
        search=(0.02, 0.3),
        scale="linear",
        applies_to="training",
        reference="Szegedy et al., Rethinking the Inception Architecture, 2016, "
        "https://arxiv.org/abs/1512.00567",
    )
    noise: float = _strength(
        help="standard deviation of Gaussian noise on the (standardized) inputs in training",
        symbol="sigma",
        below=math.inf,
        search=(0.02, 1.0),
        scale="log",
        applies_to="model",
        reference="Bishop, Training with Noise is Equivalent to Tikhonov Regularization, 1995, "
        "https://doi.org/10.1162/neco.1995.7.1.108",
    )

    def __post_init__(self):
        for name, strength in self.strengths().items():
            object.__setattr__(self, name, strength.check(name, getattr(self, name)))

    @classmethod
    def strengths(cls) -> dict[str, Strength]:
        """What each field is, by name, in the order in which they are declared."""
        return {f.name: f.metadata["strength"] for f in fields(cls)}

    @classmethod
    def names(cls, applies_to: str) -> tuple[str, ...]:
        """The fields that the `"model"` honours, or those that its `"training"` does."""
        return tuple(n for n, s in cls.strengths().items() if s.applies_to == applies_to)

    def on(self) -> dict[str, float]:
        """The fields that are not 0."""
        return {name: value for name, value in self.to_dict().items() if value}

    def replace(self, **changes: float) -> "Regularization":
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

    def to_dict(self) -> dict[str, float]:
        """All fields, by name."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, float]) -> "Regularization":
        """The inverse of `to_dict`; fields that are left out are off."""
        if unknown := sorted(set(values) - set(cls.strengths())):
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
            raise ValueError(f"Expected a JSON object of fields and numbers. Received: {text}")
        return cls.from_dict(values)

    def __repr__(self) -> str:
        return (
            f"Regularization({', '.join(f'{name}={value:g}' for name, value in self.on().items())})"
        )
