"""`occam models`."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import tyro

from ..zoo.table import table
from .command import Command
from .flags import Tier

if TYPE_CHECKING:
    from ..zoo.models import Architecture

__all__ = ["Models"]


@dataclasses.dataclass(kw_only=True)
class Models(Command):
    """List the models, or show one: its options, its tiers, and what a tier does in it."""

    model: tyro.conf.Positional[Annotated[str | None, tyro.conf.arg(metavar="MODEL")]] = None
    """Name of the model to show."""

    regularization: Annotated[
        Tier | None, tyro.conf.arg(help_behavior_hint="(default: list the tiers)")
    ] = None
    """Tier to show: every layer that it adds or penalizes, and what is done to samples."""

    def run(self) -> None:
        """Prints a table, one model, or one tier of it."""
        from ..zoo import models
        from ..zoo.models.card import card, tier_card

        if self.model is None and self.regularization is not None:
            raise ValueError("--regularization shows a tier of a model. Received: no MODEL")
        if self.model is None:
            architectures = map(models.get_architecture, models.list_models())
            print(table(("model", "inputs", "parameters", "from"), [*map(_row, architectures)]))
        elif self.regularization is None:
            print(card(models.get_architecture(self.model)))
        else:
            print(tier_card(models.get_architecture(self.model), self.regularization))


def _row(architecture: "Architecture") -> tuple[str, ...]:
    from ..zoo import create_model
    from ..zoo.models.card import KINDS, SHAPES

    shape = SHAPES[architecture.ranks[-1]]
    model = create_model(architecture.name, input_shape=shape, num_classes=10)
    return (
        architecture.name,
        ", ".join(KINDS[rank] for rank in architecture.ranks),
        f"{model.count_params():,} at {shape}",
        _cited(architecture.reference),
    )


def _cited(reference: str) -> str:
    """Authors and year of a reference."""
    years = (part.strip() for part in reference.split(",") if part.strip().isdigit())
    authors = reference.split(" et al.")[0].split(",")[0]
    return f"{authors}{' et al.' if ' et al.' in reference else ''} {next(years)}"
