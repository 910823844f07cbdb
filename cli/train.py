"""`occam train`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from .command import Command, DataFlags, ModelName, OptionFlags, RegularizationFlags


@dataclasses.dataclass(kw_only=True)
class TrainCommand(Command, DataFlags, OptionFlags, RegularizationFlags):
    """Train a model and evaluate it.

    Writes a run directory: config.json, history.csv, model.keras, result.json and TensorBoard
    logs. A run that was killed resumes when it is started again with the same arguments.
    """

    model: tyro.conf.Positional[ModelName]

    log_dir: Annotated[
        Path | None,
        tyro.conf.arg(metavar="DIR", help_behavior_hint="(default: runs/MODEL)"),
    ] = None
    """Directory of the run, new or to be resumed."""

    epochs: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: as --steps says)")
    ] = None
    """Maximum number of epochs, each a pass over the training data."""

    steps: Annotated[
        int | None,
        tyro.conf.arg(
            metavar="INT", help_behavior_hint="(default: those of 100 passes, but at least 1000)"
        ),
    ] = None
    """The same as a number of batches, in epochs of at least 30: several passes over small data."""

    learning_rate: float = 5e-3
    """Peak of the learning rate."""

    patience: int | Literal["auto"] | None = "auto"
    """Epochs without a smaller validation data loss before stopping; None never stops early. auto
    is 30, or None for fewer than 40 validation samples."""

    train_eval: float = 0.2
    """Fraction of the training data to evaluate after each epoch in inference mode; 0 for none."""

    refit: Literal["auto", "yes", "no"] = "auto"
    """Train once more on the training and the validation data, after the figures are known. auto
    does it if fewer than 40 samples were held out, or with --validation cv:KxR."""

    rerun: bool = True
    """Begin again with a third of the learning rate if the training diverged, and go on to twice
    the epochs if it is unfinished and neither --epochs nor --steps is given."""

    seed: int = 0
    """Seed of weights, dropout, noise and the order of the samples."""

    restart: bool = False
    """Delete the run in the directory instead of resuming it."""

    def run(self) -> None:
        from .. import zoo
        from ..zoo.training.prepare import check_training
        from ..zoo.training.race import race_directory

        zoo.models.get_architecture(self.model, argument="model")  # before the data is read
        options = self.parsed_options()
        data = self.load()
        log_dir = self.log_dir or Path("runs") / self.model
        length = {
            "epochs": self.epochs,
            "steps": self.steps,
            "learning_rate": self.learning_rate,
            "seed": self.seed,
        }
        validation = {"patience": self.patience, "train_eval": self.train_eval}
        tiers = self.tiers_of(self.model, data)
        (regularization, *others) = tiers.values()
        if others:
            check_training(data, **length, **validation)  # before the race, which takes long
            race = zoo.choose_regularization(
                self.model,
                data,
                tiers=tiers,
                **length,
                directory=race_directory(log_dir),
                resume=not self.restart,
                **options,
            )
            print(race)
            regularization = race.regularization
        model = zoo.create_model(
            self.model, data=data, regularization=regularization, seed=self.seed, **options
        )
        run = zoo.train(
            model,
            data,
            **length,
            **validation,
            log_dir=log_dir,
            resume=not self.restart,
            refit={"auto": "auto", "yes": True, "no": False}[self.refit],
            rerun=self.rerun,
        )
        print(run)
        print(run.verdict)
        print(f"run: {run.directory}")
