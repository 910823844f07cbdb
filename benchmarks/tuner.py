"""Compare `tuning.Tuner` and `tuning.tune` with KerasTuner's random search: speed and result.

    python -m benchmarks.tuner [--models mlp resnet1d] [--trials 40] [--epochs 20] [--workers 2]

In each round, all of them search `l2`, `dropout` and `noise` of the same model on mnist1d, in turn,
with the same optimizer and number of epochs. `Tuner` runs the same script as random search; `tune`
trains as `zoo.train` does, in several processes, and stops bad candidates early. `ratio` is that of
the trainings a minute: the median of the rounds.

`until as good` is the time that `tune` takes to reach the validation data loss that random search
is expected to end with, relative to the whole random search of the same round, for each round. The
loss is the mean of the smallest of so many draws, with replacement, from its trials in all rounds.
"never (1.02)" is a search whose smallest loss is 1.02 times that. Luck favors random search: each
of its trials has other initial weights, those of one `tune` the same.
"""

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import keras
import keras_tuner
import numpy as np

from benchmarks.epoch import arrays
from benchmarks.timing import time_in_turn
from occam import tuning, zoo
from occam.core.text_table import table

FIELDS = ("l2", "dropout", "noise")
LEARNING_RATE = 5e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["mlp"], help="default: mlp")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--trials", type=int, default=40, help="of each search (default: 40)")
    parser.add_argument("--epochs", type=int, default=20, help="of each trial (default: 20)")
    parser.add_argument("--workers", type=int, default=2, help="of `tune` (default: 2)")
    arguments = parser.parse_args()
    rows = [row for name in arguments.models for row in compare(name, arguments)]
    print(table(("model", "search", "trials/min", "ratio", "until as good"), rows))


def compare(name: str, arguments: argparse.Namespace) -> list[tuple[str, ...]]:
    """Return the rows of a model."""
    subject = Subject(name, arguments.epochs, arguments.workers)
    trials, seeds = arguments.trials, itertools.count(1)
    losses: list[float] = []
    ends: list[list[tuple[float, float]]] = []
    seconds = time_in_turn(
        {
            "RandomSearch": lambda: losses.extend(subject.random_search(trials, next(seeds))),
            "Tuner": lambda: subject.tuner(trials, next(seeds)),
            "tune": lambda: ends.append(subject.tune(trials, next(seeds))),
        },
        arguments.rounds,
    )
    stock, target = seconds["RandomSearch"], expected_best(losses, trials)
    last = {"RandomSearch": "1.00", "Tuner": "", "tune": until(target, ends, stock)}
    return [
        (name, way, f"{60 * trials / median(own):.1f}", f"{median(stock / own):.2f}", last[way])
        for way, own in seconds.items()
    ]


def until(target: float, searches: list[list[tuple[float, float]]], stock: np.ndarray) -> str:
    """Return when each search first has a loss of `target`, relative to the stock search."""
    shares = []
    for ends, whole in zip(searches, stock, strict=True):
        reached = [after / whole for after, loss in ends if loss <= target]
        best = min(loss for _, loss in ends)
        shares.append(f"{min(reached):.2f}" if reached else f"never ({best / target:.2f})")
    return ", ".join(shares)


def expected_best(losses: list[float], trials: int) -> float:
    """Return the mean of the smallest loss of so many trials, drawn with replacement."""
    drawn = np.random.default_rng(0).choice(losses, (10_000, trials))
    return float(drawn.min(axis=1).mean())


class Subject:
    """The searches of a model of the zoo on mnist1d, each in a directory of its own.

    Args:
        name: The name of the model.
        epochs: The number of epochs of each trial.
        workers: The number of processes of `tune`.
    """

    def __init__(self, name: str, epochs: int, workers: int):
        self.name, self.epochs, self.workers = name, epochs, workers
        self.data, self.space = zoo.load_data("mnist1d"), tuning.PenaltySpace(FIELDS)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a model, compiled with the defaults of Keras."""
        model = zoo.create_model(self.name, data=self.data, regularization=self.space(hp))
        steps = self.epochs * self.data.steps_per_epoch
        loss = self.data.task.loss()
        model.compile(
            zoo.optimizers.adamw(LEARNING_RATE, steps),
            loss,
            metrics=self.data.task.metrics(),
            weighted_metrics=[zoo.metrics.DataLoss(loss)],
        )
        return model

    def random_search(self, trials: int, seed: int) -> list[float]:
        """Search with KerasTuner and return the validation data loss of each trial."""
        objective = keras_tuner.Objective("val_data_loss", "min")
        with tempfile.TemporaryDirectory() as directory:
            tuner = keras_tuner.RandomSearch(
                self.build, objective, trials, seed=seed, directory=directory
            )
            self.run(tuner)
        return [trial.score for trial in tuner.oracle.trials.values()]

    def tuner(self, trials: int, seed: int) -> None:
        """Search with the same script and `tuning.Tuner`."""
        with tempfile.TemporaryDirectory() as directory:
            tuner = tuning.Tuner(self.build, max_trials=trials, seed=seed, directory=directory)
            self.run(tuner)

    def run(self, tuner: keras_tuner.Tuner) -> None:
        tuner.search(
            *arrays(self.data.train),
            validation_data=arrays(self.data.validation),
            batch_size=self.data.batch_size,
            epochs=self.epochs,
            verbose=0,
        )

    def tune(self, trainings: int, seed: int) -> list[tuple[float, float]]:
        """Search with `tuning.tune` and return the seconds until each trial ended, and its loss.

        The last of the trainings is that of the finalist.
        """
        with tempfile.TemporaryDirectory() as directory:
            start = time.time()
            tuning.tune(
                self.name,
                self.data,
                space=FIELDS,
                max_trials=trainings - 1,
                racing=tuning.Racing(finalists=1, seeds=1),
                directory=directory,
                epochs=self.epochs,
                learning_rate=LEARNING_RATE,
                seed=seed,
                verbose=0,
                resources=tuning.Resources(self.workers),
            )
            records = [*Path(directory).glob("trial_*/execution-0.json")]
            ends = [record.stat().st_mtime - start for record in records]
            losses = [json.loads(record.read_text())["score"] for record in records]
        return [(end, loss) for end, loss in zip(ends, losses, strict=True) if loss is not None]


if __name__ == "__main__":
    main()
