"""`occam tune`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from .command import Command, DataFlags, ModelName, Tier


@dataclasses.dataclass(kw_only=True)
class TuneCommand(Command, DataFlags):
    """Search a model's penalties and rates of dropout and noise, judged on validation data loss.

    All candidates run on one seed, and the best of them on several others. The most regularized of
    these finalists within one standard error of the best is chosen. A search that was killed
    resumes when it is started again with the same arguments.
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

    max_trials: int = 28
    """Number of candidates; the tiers of the model come first."""

    finalists: int = 4
    """Number of the best candidates that run on more seeds."""

    seeds: int = 3
    """Number of further runs of each finalist."""

    sampler: Literal["tpe", "cmaes", "qmc", "random"] = "tpe"
    """How Optuna proposes the candidates after the tiers."""

    epochs: int = 50
    """Maximum number of passes over the training data in a run."""

    learning_rate: float = 5e-3
    """Peak of the learning rate."""

    seed: int = 0
    """Seed of the search and of the first runs."""

    restart: bool = False
    """Delete the search in the directory instead of resuming it."""

    def run(self) -> None:
        from ..tuning import tune

        found = tune(
            self.model,
            self.load(),
            space=self.space or None,
            max_trials=self.max_trials,
            finalists=self.finalists,
            directory=self.directory,
            base=self.base,
            sampler=self.sampler,
            seeds=self.seeds,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            seed=self.seed,
            resume=not self.restart,
        )
        print(found)
        print(f"chosen: {found.regularization}")
        print(f"trials: {found.directory}")
