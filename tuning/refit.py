"""`Refit`: the choice of a search, trained on all rows but the test part, and tested once."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from ..core.checks import message
from ..core.statistics import mean_and_error
from ..core.text_table import counted, table
from ..zoo import Data, Regularization, Run
from ..zoo.tasks import Given
from ..zoo.training import engine
from ..zoo.training.budget import Budget
from ..zoo.training.configuration import configuration
from ..zoo.training.cross_validation import scores_and_errors
from ..zoo.training.fit import Fitter
from ..zoo.training.run import RunDirectory
from ..zoo.training.work_directory import write_json
from .argument_space import ArgumentSpace
from .subject import Make


@dataclass(frozen=True)
class Refit:
    """The result of `Tuning.refit`.

    `str` of it is a table of the figures. The optimism is usually positive for a loss: the
    validation part chose the hyperparameters and the number of epochs. The rows of the validation
    part, on which the refit is trained as well, work against that.

    Args:
        model: The trained model.
        run: The run of the training, with `.export(...)`; its `validation` is that of the search.
    """

    model: keras.Model
    run: Run

    @property
    def validation(self) -> dict[str, float]:
        """The data loss and the metric in the search, means over the seeds.

        `*_error` are the standard errors over the seeds, if there are several.
        """
        return self.run.result["validation"]

    @property
    def test(self) -> dict[str, float] | None:
        """Test figures of the model, with standard errors over the rows, if known."""
        if "test" not in self.run.result:
            return None
        names = [*self._names, *(f"{name}_error" for name in self._names)]
        return {n: self.run.result["test"][n] for n in names if n in self.run.result["test"]}

    @property
    def optimism(self) -> dict[str, float] | None:
        """The differences test - validation.

        Their standard errors are `sqrt(test_error^2 + validation_error^2)`, where both are known.
        They do not contain the error due to the rows of the validation part.
        """
        if self.test is None:
            return None
        found = {name: self.test[name] - self.validation[name] for name in self._names}
        for name in (f"{name}_error" for name in self._names):
            if name in self.test and name in self.validation:
                found[name] = math.hypot(self.test[name], self.validation[name])
        return found

    @property
    def _names(self) -> list[str]:
        of_test = self.run.result.get("test", self.validation)  # it has no refined loss
        return [n for n in self.validation if not n.endswith("_error") and n in of_test]

    def __str__(self) -> str:
        columns = {"validation": self.validation}
        if self.test and self.optimism:
            columns |= {"test": self.test, "test - validation": self.optimism}
        rows = [
            (name, *(_with_error(figures, name) for figures in columns.values()))
            for name in self._names
        ]
        length = counted(self.run.result["epochs"], "epoch")
        text = f"{table(('', *columns), rows)}\nrefit on all rows but the test part, {length}"
        return text + "; the data has no test part" * (self.test is None)


def _with_error(figures: Mapping[str, float], name: str) -> str:
    error = figures.get(f"{name}_error")
    return f"{figures[name]:.4f}" + ("" if error is None else f" ± {error:.4f}")


@dataclass(frozen=True)
class Training:
    """The settings of all runs of a search.

    Args:
        make: Function from hyperparameters, regularization, seed and options to the model.
        data: The data.
        arguments: The arguments of the training, and what is searched of them and of the model.
        passes: The number of passes over the training part in an epoch.
        seed: The first seed.
        record: What identifies the model, as JSON values.
    """

    make: Make
    data: Data
    arguments: ArgumentSpace
    passes: int
    seed: int
    record: dict[str, Any]

    def parameters(self, hyperparameters: Mapping[str, Any]) -> keras_tuner.HyperParameters:
        """Return the hyperparameters of a candidate as those of a trial."""
        hp = keras_tuner.HyperParameters()
        hp.values = self.arguments.encoded(hyperparameters)
        return hp

    def arguments_of(self, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the training of a candidate."""
        return self.arguments.training(self.parameters(hyperparameters))

    def budget(self, hyperparameters: Mapping[str, Any]) -> Budget:
        """Return the length of the runs of a candidate, without a patience."""
        arguments = self.arguments_of(hyperparameters)
        batches = self.data.with_batch_size(arguments["batch_size"]).steps_per_epoch
        epochs = arguments["epochs"]
        return Budget(epochs, self.passes, epochs * self.passes * batches, None)


def refit(
    training: Training,
    regularization: Regularization,
    hyperparameters: Mapping[str, Any],
    *,
    trial: int,
    epochs: int,
    validation: dict[str, float],
    directory: Path,
    verbose: int,
) -> Refit:
    """Train a candidate on all rows but the test part, or read back its refit.

    Args:
        training: What it shares with the runs of the search.
        regularization, hyperparameters, trial: The candidate.
        epochs: The epoch after which to stop.
        validation: The figures of the candidate in the search.
        directory: The directory of the search.
        verbose: 0 is silent, 1 shows a progress bar.
    """
    hp, seed = training.parameters(hyperparameters), training.seed
    arguments = training.arguments.training(hp)
    data = training.data.with_batch_size(arguments["batch_size"])
    if not data.divisible:
        raise ValueError(message("data", data.origin, "in memory, to join its parts for a refit"))
    keras.utils.set_random_seed(seed)  # as in each run of the search
    model = training.make(hp, regularization, seed, **training.arguments.options(hp))
    keras.utils.set_random_seed(seed)
    rate = None if engine.is_compiled(model) else arguments["learning_rate"]
    budget = training.budget(hyperparameters)
    length = {**budget.to_dict(), "learning_rate": rate, "train_eval": 0.0, "seed": seed}
    config = configuration(
        model, data, regularization, {**length, "validation_by": "search", "trial": trial}
    )
    fitter = Fitter(
        model, data, regularization, budget, learning_rate=rate, seed=seed, verbose=verbose
    )
    _check_same_choice(directory, trial)
    files = RunDirectory(directory / "refit")
    files.open(config, resume=True)
    if files.finished:
        run = Run.load(files.path)
        model.set_weights(run.load_model().get_weights())
        return _recorded(Refit(model, run), directory)
    rows = data.without_validation()
    fitter.say(f"Refitting to all {rows.sizes['train']} rows for {counted(epochs, 'epoch')}.")
    fit = fitter.fit(rows, epochs=epochs, files=files)
    figures = fitter.figures(rows, epochs, ("train", "test")) | {"validation": validation}
    if "test" in figures:
        figures["test"] |= _errors(model, data)
    result = {
        **{part: figures[part] for part in engine.PARTS if part in figures},
        "weight_penalty": figures["weight_penalty"],
        "gap": engine.gap(figures, data.task),
        "epochs": epochs,
        "best_epoch": epochs,
        "stopped_early": epochs < arguments["epochs"],
        "verdict": None,
        "validation_by": "search",
        "refit": True,
        "reruns": [],
        "seconds": round(fit.seconds, 3),
    }
    files.close(model, fit.history, result)
    return _recorded(Refit(model, Run(config, fit.history, result, files.path)), directory)


def _check_same_choice(directory: Path, trial: int) -> None:
    """Raise an error if the test part was looked at for another candidate."""
    record = directory / "refit.json"
    if not record.exists() or (before := json.loads(record.read_text())["trial"]) == trial:
        return
    raise ValueError(
        f"The test part was looked at for trial {before}, before the search went on and chose "
        f"trial {trial}. A second look is too optimistic; to take it nevertheless, delete {record} "
        f"and {directory / 'refit'}."
    )


def _recorded(found: Refit, directory: Path) -> Refit:
    """Write the figures of a refit into `refit.json`, and return it."""
    record = {"trial": found.run.config["training"]["trial"], "epochs": found.run.result["epochs"]}
    record |= {"validation": found.validation, "test": found.test, "optimism": found.optimism}
    write_json(directory / "refit.json", record, indent=2)
    return found


def _errors(model: keras.Model, data: Data) -> dict[str, float]:
    """Return the standard errors over the rows of the test part, of the figures that have one."""
    errors = {}
    loss = engine.sample_loss(model, data.task)
    y, outputs, weights = engine.rows_of(model, data.test) if loss else (np.empty(0),) * 3
    if loss and len(y) > 1:
        errors["data_loss_error"] = mean_and_error(loss(y, outputs), weights)[1]
        if not (isinstance(data.task, Given) or engine.is_compiled(model)):
            all_rows = np.ones((1, 1, len(y)), bool)
            scores = scores_and_errors(data.task, y, all_rows, [outputs])
            errors |= {f"{name}_error": error for name, (_, error) in scores.items()}
    return errors
