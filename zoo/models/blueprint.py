"""`Blueprint`: what a model of the zoo was built from."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ..regularization import Regularization

__all__ = ["Blueprint", "blueprint_of"]


@dataclass(frozen=True)
class Blueprint:
    """The arguments of `create_model`, resolved: the same blueprint gives the same model.

    `create_model` leaves it on the model, where `zoo.train` reads it; it is not part of the saved
    `.keras` file.

    Args:
        name: the model's registered name.
        input_shape: shape of one sample, without the batch.
        num_classes: number of logits.
        regularization: the object, a tier's name resolved.
        seed: the seed of the weights, dropped units and noise.
        options: all of the architecture's own options.
        weights: the data set of the shipped weights that it began with, if it did.
    """

    name: str
    input_shape: tuple[int, ...]
    num_classes: int
    regularization: Regularization
    seed: int
    options: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Blueprint":
        """The inverse of `to_dict`, also after a way through JSON."""
        regularization = Regularization.from_dict(values["regularization"])
        changed = {"regularization": regularization, "input_shape": tuple(values["input_shape"])}
        return cls(**{**values, **changed})

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return dataclasses.asdict(self)


def blueprint_of(model: Any) -> Blueprint | None:
    """The blueprint that `create_model` left on `model`, or `None` for any other model."""
    return getattr(model, "blueprint", None)
