"""`occam tune`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from .command import Command, DataFlags, ModelName, Tier


@dataclasses.dataclass(kw_only=True)
class TuneCommand(Command, DataFlags):
    """Search a model's penalties and rates, judged on the validation data loss.

    The most regularized candidate within one standard error of the best is chosen. A search that
    was killed resumes when it is started again with the same arguments.
    """

    model: tyro.conf.Positional[ModelName]

    directory: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Directory of the search, new or to be resumed."""

    space: Annotated[
        tuple[str, ...],
        tyro.conf.arg(help_behavior_hint="(default: l2 dropout noise label_smoothing)"),
    ] = ()
    """Fields of the regularization to search; `occam models MODEL` lists them."""

    base: Tier = "none"
    """Tier with the values of all other fields."""

    max_trials: int = 20
    """Number of candidates; the tiers of the model come first."""

    seeds: int = 2
    """Number of runs per candidate."""

    epochs: int = 50
    """Maximum number of passes over the training data in a run."""

    learning_rate: float = 5e-3
    """Peak of the learning rate."""

    seed: int = 0
    """Seed of the search, and first seed of the runs."""

    restart: bool = False
    """Delete the search in the directory instead of resuming it."""

    def run(self) -> None:
        from ..tuning import tune

        found = tune(
            self.model,
            self.load(),
            space=self.space or None,
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
