"""`occam models`."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import tyro

from ..zoo.table import table
from .command import Command

if TYPE_CHECKING:
    from ..zoo.models import Architecture

__all__ = ["Models"]

_SHAPES = {1: (30,), 2: (40, 1), 3: (32, 32, 3)}  # for counting parameters: table, series, image
_KINDS = {1: "table", 2: "series", 3: "image"}


@dataclasses.dataclass(kw_only=True)
class Models(Command):
    """List the models, or show one: its options, what it can honour, and its tiers."""

    model: tyro.conf.Positional[Annotated[str | None, tyro.conf.arg(metavar="MODEL")]] = None
    """Name of the model to show."""

    def run(self) -> None:
        """Prints a table, or one model."""
        from ..zoo import models

        if self.model is not None:
            print(_card(models.get_architecture(self.model)))
            return
        architectures = map(models.get_architecture, models.list_models())
        rows = [(a.name, _kinds(a), _parameters(a), _cited(a.reference)) for a in architectures]
        print(table(("model", "inputs", "parameters", "from"), rows))


def _kinds(architecture: "Architecture") -> str:
    return ", ".join(_KINDS[rank] for rank in architecture.ranks)


def _cited(reference: str) -> str:
    """Authors and year of a reference."""
    years = (part.strip() for part in reference.split(",") if part.strip().isdigit())
    authors = reference.split(" et al.")[0].split(",")[0]
    return f"{authors}{' et al.' if ' et al.' in reference else ''} {next(years)}"


def _parameters(architecture: "Architecture") -> str:
    from ..zoo import create_model

    shape = _SHAPES[architecture.ranks[-1]]
    model = create_model(architecture.name, input_shape=shape, num_classes=10)
    return f"{model.count_params():,} at {shape}"


def _card(architecture: "Architecture") -> str:
    a = architecture
    options = ", ".join(f"{name}={value}" for name, value in a.options.items())
    tiers = [(tier, repr(preset)) for tier, preset in a.presets.items()]
    return "\n".join(
        [
            f"{a.name}: {_kinds(a)}; {_parameters(a)} and 10 classes",
            f"options: {options or 'none'}",
            f"honours: {', '.join(a.able)}",
            f"from: {a.reference}",
            "",
            table(("tier", "regularization"), tiers),
        ]
    )
