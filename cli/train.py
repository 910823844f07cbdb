"""`occam train`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from .command import Command, DataFlags, ModelName, RegularizationFlags


@dataclasses.dataclass(kw_only=True)
class TrainCommand(Command, DataFlags, RegularizationFlags):
    """Train a model and evaluate it.

    Writes a run directory: config.json, history.csv, model.keras, result.json and TensorBoard
    logs. A run that was killed resumes when it is started again with the same arguments.
    """

    model: tyro.conf.Positional[ModelName]

    log_dir: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Directory of the run, new or to be resumed."""

    epochs: int = 100
    """Maximum number of passes over the training data."""

    learning_rate: float = 5e-3
    """Peak of the learning rate."""

    patience: int | None = 30
    """Epochs without a smaller validation data loss before stopping; None never stops early."""

    train_eval: float = 0.2
    """Fraction of the training data to evaluate after each epoch in inference mode; 0 for none."""

    seed: int = 0
    """Seed of weights, dropout, noise and the order of the samples."""

    restart: bool = False
    """Delete the run in the directory instead of resuming it."""

    def run(self) -> None:
        from .. import zoo

        zoo.models.get_architecture(self.model, argument="model")  # before the data is read
        data = self.load()
        regularization = self.regularization_of(self.model, data)
        model = zoo.create_model(
            self.model, data=data, regularization=regularization, seed=self.seed
        )
        run = zoo.train(
            model,
            data,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            patience=self.patience,
            train_eval=self.train_eval,
            log_dir=self.log_dir,
            seed=self.seed,
            resume=not self.restart,
        )
        print(run)
        print(run.verdict)
        print(f"run: {run.directory}")
