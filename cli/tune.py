"""`occam tune`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from .command import Command
from .flags import DataFlags, ModelName, Tier

__all__ = ["Tune"]


@dataclasses.dataclass(kw_only=True)
class Tune(Command, DataFlags):
    """Search a model's penalties and rates, judged on the validation data loss.

    Of all candidates within one standard error of the best, the most regularized one is chosen.
    Killed, and started again with the same arguments, it goes on with the first unfinished run.
    """

    model: tyro.conf.Positional[ModelName]
    """Name of the model; `occam models` lists them."""

    directory: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Directory of the search: new, or that of the same search."""

    space: tuple[str, ...] = ("l2", "dropout", "noise", "label_smoothing")
    """Fields of the regularization to search; `occam models MODEL` lists them."""

    base: Tier = "none"
    """The tier that gives the fields that are not searched."""

    max_trials: int = 20
    """Number of candidates; the model's tiers are the first."""

    seeds: int = 2
    """Runs of each candidate."""

    epochs: int = 50
    """Greatest number of passes over the training data in a run."""

    learning_rate: float = 5e-3
    """Peak of the learning rate."""

    seed: int = 0
    """Seed of the search, and first seed of the runs."""

    restart: tyro.conf.FlagCreatePairsOff[bool] = False
    """Delete the search that is in the directory, instead of going on with it."""

    def run(self) -> None:
        """Searches, and prints the trials and the choice."""
        from ..tuning import tune

        found = tune(
            self.model,
            self.load(),
            space=self.space,
            max_trials=self.max_trials,
            directory=self.directory,
            base=self.base,
            seeds=self.seeds,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            seed=self.seed,
            resume=not self.restart,
        )
        print(found.table())
        print(f"chosen: {found.regularization}")
        print(f"trials: {found.directory}")
