"""`occam models`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from .command import Command, Tier


@dataclasses.dataclass(kw_only=True)
class ModelsCommand(Command):
    """List the models, or show one: its layers and options, its tiers, or the effect of a tier.

    MODEL may be a pattern such as "resnet*", which lists those models. The pattern "applications/*"
    lists the models of keras.applications; use them with that prefix in every command.
    """

    model: tyro.conf.Positional[Annotated[str | None, tyro.conf.arg(metavar="MODEL")]] = None
    """Name of the model to show."""

    regularization: Annotated[
        Tier | None, tyro.conf.arg(help_behavior_hint="(default: list the tiers)")
    ] = None
    """Tier to show: every layer that it adds or penalizes, and its effect on samples."""

    png: Annotated[
        Path | None, tyro.conf.arg(metavar="FILE.png", help_behavior_hint="(default: none)")
    ] = None
    """File to draw the layers of the model into; needs graphviz."""

    def run(self) -> None:
        from ..zoo.models import card, get_architecture

        pattern = self.model is None or any(sign in self.model for sign in "*?[")
        if pattern and (self.regularization or self.png):
            raise ValueError("`--regularization` and `--png` need the name of one model.")
        if pattern:
            print(card.summary(self.model or "*"))
            if self.model is None:
                print('\nModels of keras.applications: occam models "applications/*"')
            return
        architecture = get_architecture(self.model or "")
        if self.png:
            card.draw(architecture, self.png)
        if self.regularization:
            print(card.tier_card(architecture, self.regularization))
        else:
            print(card.card(architecture))
