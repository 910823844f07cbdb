"""`occam models`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from .command import Command
from .flags import Tier

__all__ = ["Models"]


@dataclasses.dataclass(kw_only=True)
class Models(Command):
    """List the models, or show one: its layers and options, its tiers, or what a tier does in it.

    MODEL may be a pattern such as "resnet*": then those models are listed. The models of
    keras.applications are listed by "applications/*", and have that prefix everywhere.
    """

    model: tyro.conf.Positional[Annotated[str | None, tyro.conf.arg(metavar="MODEL")]] = None
    """Name of the model to show."""

    regularization: Annotated[
        Tier | None, tyro.conf.arg(help_behavior_hint="(default: list the tiers)")
    ] = None
    """Tier to show: every layer that it adds or penalizes, and what is done to samples."""

    png: Annotated[
        Path | None, tyro.conf.arg(metavar="FILE.png", help_behavior_hint="(default: none)")
    ] = None
    """File to draw the model's layers into; needs graphviz."""

    def run(self) -> None:
        """Prints a table, one model, or one tier of it."""
        from ..zoo.models import card, get_architecture

        pattern = self.model is None or any(sign in self.model for sign in "*?[")
        if pattern and (self.regularization or self.png):
            raise ValueError("--regularization and --png show one model. Received: no MODEL")
        if pattern:
            print(card.summary(self.model or "*"))
            if self.model is None:
                print('\nModels of keras.applications: occam models "applications/*"')
            return
        architecture = get_architecture(self.model or "")
        if self.png:
            card.draw(architecture, self.png)
        show = card.tier_card(architecture, self.regularization) if self.regularization else None
        print(show or card.card(architecture))
