"""Compare `tuning.Tuner` and `tuning.tune` with KerasTuner's random search: speed and result.

    python -m benchmarks.tuner [--models mlp resnet1d] [--trials 40] [--epochs 20] [--workers 2]

In each round, all of them search `l2`, `dropout` and `noise` of the same model on mnist1d, in turn,
with the same optimizer and number of epochs. `Tuner` runs the same script as random search; `tune`
trains as `zoo.train` does, in several processes, and stops bad candidates early. `ratio` is that of
the trainings a minute: the median of the rounds.

`until as good` is the time until the best candidate of `tune` so far is as good as that of the
whole random search of the same round, relative to the time of that search, for each round. How
good a candidate is does not depend on luck with initial weights: it is its expected validation
data loss, the mean over three fresh seeds, trained as random search does. "never (1.02)" is a
search whose candidates have at least 1.02 times the loss.
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import keras
import keras_tuner
import numpy as np

from benchmarks.epoch import arrays
from benchmarks.timing import time_in_turn
from occam import tuning, zoo
from occam.core.text_table import table

FIELDS = ("l2", "dropout", "noise")
LEARNING_RATE = 5e-3
FRESH = (101, 102, 103)  # seeds


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
    random: list[zoo.Regularization] = []
    tuned: list[list[Trial]] = []
    seconds = time_in_turn(
        {
            "RandomSearch": lambda: random.append(subject.random_search(trials, next(seeds))),
            "Tuner": lambda: subject.tuner(trials, next(seeds)),
            "tune": lambda: tuned.append(subject.tune(trials, next(seeds))),
        },
        arguments.rounds,
    )
    shares = [
        until(subject.expected_loss(target), best_so_far(each), whole, subject.expected_loss)
        for target, each, whole in zip(random, tuned, seconds["RandomSearch"], strict=True)
    ]
    stock = seconds["RandomSearch"]
    last = {"RandomSearch": "1.00", "Tuner": "", "tune": ", ".join(shares)}
    return [
        (name, way, f"{60 * trials / median(own):.1f}", f"{median(stock / own):.2f}", last[way])
        for way, own in seconds.items()
    ]


class Trial(NamedTuple):
    """A trial of a search: the seconds until it ended, its loss and its regularization."""

    end: float
    loss: float
    regularization: zoo.Regularization


def best_so_far(trials: list[Trial]) -> list[Trial]:
    """Return the trials that were the best of the search when they ended."""
    found: list[Trial] = []
    for trial in sorted(trials, key=lambda trial: trial.end):
        if not found or trial.loss < found[-1].loss:
            found.append(trial)
    return found


def until(
    target: float,
    trials: list[Trial],
    whole: float,
    expected_loss: Callable[[zoo.Regularization], float],
) -> str:
    """Return when the first of the trials has an expected loss of `target`, in parts of `whole`."""
    losses = []
    for trial in trials:
        losses.append(expected_loss(trial.regularization))
        if losses[-1] <= target:
            return f"{trial.end / whole:.2f}"
    return f"never ({min(losses) / target:.2f})"


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
        self.losses: dict[zoo.Regularization, float] = {}  # the expected ones that are known

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a model, compiled with the defaults of Keras."""
        return self.compiled(self.space(hp))

    def compiled(self, regularization: zoo.Regularization, seed: int | None = None) -> keras.Model:
        """Return a compiled model of a regularization, with the initial weights of a seed."""
        model = zoo.create_model(
            self.name, data=self.data, regularization=regularization, seed=seed
        )
        steps = self.epochs * self.data.steps_per_epoch
        loss = self.data.task.loss()
        model.compile(
            zoo.optimizers.adamw(LEARNING_RATE, steps),
            loss,
            metrics=self.data.task.metrics(),
            weighted_metrics=[zoo.metrics.DataLoss(loss)],
        )
        return model

    def expected_loss(self, regularization: zoo.Regularization) -> float:
        """Return the validation data loss of a candidate, its mean over fresh seeds."""
        if regularization not in self.losses:
            found = []
            for seed in FRESH:
                keras.utils.set_random_seed(seed)
                keras.backend.clear_session()
                history = self.compiled(regularization, seed).fit(**self.fit_arguments)
                found.append(min(history.history["val_data_loss"]))
            self.losses[regularization] = float(np.mean(found))
        return self.losses[regularization]

    def random_search(self, trials: int, seed: int) -> zoo.Regularization:
        """Search with KerasTuner and return the best regularization."""
        objective = keras_tuner.Objective("val_data_loss", "min")
        with tempfile.TemporaryDirectory() as directory:
            tuner = keras_tuner.RandomSearch(
                self.build, objective, trials, seed=seed, directory=directory
            )
            self.run(tuner)
            (best,) = tuner.get_best_hyperparameters(1)
        return self.space(best)

    def tuner(self, trials: int, seed: int) -> None:
        """Search with the same script and `tuning.Tuner`."""
        with tempfile.TemporaryDirectory() as directory:
            tuner = tuning.Tuner(self.build, max_trials=trials, seed=seed, directory=directory)
            self.run(tuner)

    def run(self, tuner: keras_tuner.Tuner) -> None:
        tuner.search(**self.fit_arguments)

    @property
    def fit_arguments(self) -> dict[str, Any]:
        x, y = arrays(self.data.train)
        validation = arrays(self.data.validation)
        arguments = {"batch_size": self.data.batch_size, "epochs": self.epochs, "verbose": 0}
        return {"x": x, "y": y, "validation_data": validation, **arguments}

    def tune(self, trainings: int, seed: int) -> list[Trial]:
        """Search with `tuning.tune` and return its trials; the last training is a finalist's."""
        with tempfile.TemporaryDirectory() as directory:
            start = time.time()
            found = tuning.tune(
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
            trials, candidates = [], {each.trial: each for each in found.candidates}
            for record in Path(directory).glob("trial_*/execution-0.json"):
                number = int(record.parent.name.removeprefix("trial_"))
                if (loss := json.loads(record.read_text())["score"]) is not None:
                    end, candidate = record.stat().st_mtime - start, candidates[number]
                    trials.append(Trial(end, loss, candidate.regularization))
        return trials


if __name__ == "__main__":
    main()
