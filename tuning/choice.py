"""The objective, the candidates of a search, and the choice among them."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

import pandas

from ..core.checks import check_path
from ..core.statistics import standard_error
from ..core.text_table import table
from ..zoo import Regularization
from .execution import Execution
from .refit import Refit, Training, refit


@dataclass(frozen=True)
class Candidate:
    """A `Regularization` and its losses.

    Args:
        trial: The number of the trial, from 0.
        regularization: The regularization of the trial.
        losses: The value of the objective by which the run with each seed is judged, and of each
            seed on each fold. For a finalist, without the seed that selected it.
        metrics: The values of the metric of the task at the same epochs, on validation data.
        finalist: Whether it was among the best trials, and trained on several seeds.
        hyperparameters: The values of the other hyperparameters: searched arguments, and those of a
            `build(hp)` function.
        stopped: Whether it was stopped because it was worse than others; see `prune` of `Racing`.

    Example:

    >>> from occam.zoo import Regularization
    >>> candidate = Candidate(0, Regularization(l2=1e-4), losses=(0.5, 0.7), metrics=(0.9, 0.8))
    >>> round(candidate.loss, 2), round(candidate.loss_error, 2), round(candidate.metric, 2)
    (0.6, 0.1, 0.85)
    """

    trial: int
    regularization: Regularization
    losses: tuple[float, ...]
    metrics: tuple[float, ...]
    finalist: bool = True
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    stopped: bool = False

    @property
    def loss(self) -> float:
        """The mean of the losses."""
        return mean(self.losses)

    @property
    def loss_error(self) -> float:
        """The standard error of the mean loss."""
        return standard_error(self.losses)

    @property
    def metric(self) -> float:
        """The mean of the metric."""
        return mean(self.metrics)

    @property
    def metric_error(self) -> float:
        """The standard error of the mean metric."""
        return standard_error(self.metrics)


def choose(candidates: Sequence[Candidate], space: Sequence[str]) -> Candidate:
    """Return the most regularized candidate within one standard error of the best mean loss.

        argmax amount(c)   over   mean(c) <= mean(best) + standard_error(best)

    Args:
        candidates: Candidates with losses on the same seeds; those without finite losses are
            ignored.
        space: The fields that `Regularization.amount` sums.

    Raises:
        ValueError: If no candidate has finite losses.

    Reference: Breiman, Friedman, Olshen & Stone, Classification and Regression Trees, 1984,
    section 3.4.3.
    """
    finite = [c for c in candidates if all(math.isfinite(loss) for loss in c.losses)]
    if not finite:
        raise ValueError(
            f"No candidate trained to a finite loss. Received: {len(candidates)} candidates"
        )
    best = min(finite, key=lambda c: c.loss)
    equals = [c for c in finite if c.loss <= best.loss + best.loss_error]
    return max(equals, key=lambda c: (c.regularization.amount(tuple(space)), -c.loss))


@dataclass(frozen=True)
class Tuning:
    """The result of `tune`.

    `str` of it is a table of the candidates, with an asterisk at the chosen one.

    Args:
        candidates: All trials, in the order in which they ran.
        space: The fields of the search.
        directory: The directory with the trials, their TensorBoard logs, and `winner.json`.
        metric: The name of the metric of the candidates.
        objective: The name of the loss of the candidates.
        folds: The number of runs with each seed.
        training: What all runs of the search share, for `refit`.

    Example:

    >>> from occam.zoo import Regularization
    >>> off = Candidate(0, Regularization(), (0.50, 0.54), (0.90, 0.90))
    >>> on = Candidate(1, Regularization(l2=1e-4), (0.51, 0.55), (0.90, 0.89))
    >>> found = Tuning((off, on), ("l2",), Path("trials"))
    >>> found.regularization  # the two are within one standard error
    Regularization(l2=0.0001)
    >>> print(found)
    trial  val_data_loss    val_accuracy  l2
        0  0.5200 ± 0.0200         0.900  off
    *   1  0.5300 ± 0.0200         0.895  0.0001
    >>> found.table()[["val_data_loss", "seeds", "l2", "chosen"]]
           val_data_loss  seeds      l2  chosen
    trial
    0               0.52      2  0.0000   False
    1               0.53      2  0.0001    True
    """

    candidates: tuple[Candidate, ...]
    space: tuple[str, ...]
    directory: Path
    metric: str = "val_accuracy"
    objective: str = "val_data_loss"
    folds: int = 1
    training: Training | None = field(default=None, compare=False, repr=False)

    @property
    def chosen(self) -> Candidate:
        """The finalist that the one-standard-error rule chooses."""
        finalists = [each for each in self.candidates if each.finalist]
        return choose(finalists or self.candidates, self.space)

    @property
    def regularization(self) -> Regularization:
        """The `Regularization` of the chosen candidate."""
        return self.chosen.regularization

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """The searched arguments and hyperparameters of `build` in the chosen candidate."""
        return self.chosen.hyperparameters

    @property
    def winner(self) -> dict[str, Any]:
        """The chosen candidate as JSON values, which `tune` writes into `winner.json`.

        `Regularization.from_dict(winner["regularization"])` reads it back. The figures of
        `validation` are means over the seeds and folds; `*_error` are their standard errors.
        """
        chosen = self.chosen
        return {
            "model": self.training and self.training.record,
            "regularization": chosen.regularization.to_dict(),
            "hyperparameters": dict(chosen.hyperparameters),
            "trial": chosen.trial,
            "seeds": len(chosen.losses) // self.folds,
            "folds": self.folds,
            "validation": self._validation(chosen),
        }

    def table(self) -> pandas.DataFrame:
        """Return a row for each candidate: its figures, hyperparameters and searched fields.

        The finalists come first, then the others, each best first. A field that is off has its
        value in `Regularization`, 0 or "none".
        """
        chosen = self.chosen
        error = f"{self.objective}_error"
        rows = [
            {
                "trial": c.trial,
                self.objective: c.loss,
                error: c.loss_error if len(c.losses) > 1 else None,
                **({self.metric: c.metric} if self.metric != self.objective else {}),
                "seeds": len(c.losses) // self.folds,
                **dict.fromkeys(self._hyperparameter_names),
                **c.hyperparameters,
                **{name: getattr(c.regularization, name) for name in self.space},
                "stopped": c.stopped,
                "finalist": c.finalist,
                "chosen": c is chosen,
            }
            for c in self._ranked
        ]
        return pandas.DataFrame(rows).astype({error: float}).set_index("trial")

    def __str__(self) -> str:
        chosen, names = self.chosen, self._hyperparameter_names
        metric = [self.metric] if self.metric != self.objective else []
        head = ("trial", self.objective, *metric, *names, *self.space)
        rows = [
            (
                f"{'*' if c is chosen else ' '} {c.trial:>3}",
                f"{c.loss:.4f}" + f" ± {c.loss_error:.4f}" * (len(c.losses) > 1),
                *([c.metric] if metric else []),
                *(_text(c.hyperparameters.get(name, "")) for name in names),
                *(_text(c.regularization.on().get(name, "off")) for name in self.space),
            )
            for c in self._ranked
        ]
        return table(head, rows)

    def executions(self, candidate: Candidate) -> list[Execution]:
        """Return the records of the runs of a candidate in the directory, the first seed first.

        A seed has `folds` runs. The first one of a finalist selected it, and is not among its
        `losses`.
        """
        (trial,) = (
            path
            for path in self.directory.glob("trial_*")
            if int(path.name.removeprefix("trial_")) == candidate.trial
        )
        count = len(list(trial.glob("execution-*.json")))
        files = (trial / f"execution-{number}.json" for number in range(count))
        return [Execution(**json.loads(file.read_text())) for file in files]

    @property
    def epochs(self) -> int:
        """The median of the epochs by which the runs of the choice are judged, at least 1."""
        runs = self.executions(self.chosen)[-len(self.chosen.losses) :]
        return max(round(median(run.best_epoch for run in runs)), 1)

    def refit(self, *, verbose: int = 1) -> Refit:
        """Train the chosen candidate once on all rows but the test part, and look at that once.

        The training begins and goes as in the search, on its first seed, with the same schedule
        and number of steps in an epoch, and stops after `epochs`. The model is a run of `zoo.train`
        in `refit` of the directory. `refit.json` records the look: calling `refit` again, or after
        `tune` with the same arguments in another process, returns the recorded figures.

        Args:
            verbose: 0 is silent, 1 shows a progress bar.

        Returns:
            A `Refit`. If the data has no test part, its `test` and `optimism` are `None`.

        Raises:
            ValueError: If the data is not in memory, so that its parts cannot be joined, or the
                test part was looked at for another choice, before the search went on.
            FloatingPointError: If the training diverged.

        Example:

        >>> import tempfile
        >>> from occam import tuning, zoo
        >>> data = zoo.load_data("digits")
        >>> search = {"max_trials": 1, "epochs": 2, "verbose": 0}
        >>> found = tuning.tune("mlp", data, directory=tempfile.mkdtemp(), **search)
        >>> refit = found.refit(verbose=0)
        >>> sorted(refit.test)
        ['accuracy', 'accuracy_error', 'data_loss', 'data_loss_error']
        >>> refit.run.result["train"]["accuracy"] > 0.2
        True
        """
        if self.training is None:
            raise ValueError("Only the result of tuning.tune can be refitted.")
        chosen = self.chosen
        return refit(
            self.training,
            chosen.regularization,
            chosen.hyperparameters,
            trial=chosen.trial,
            epochs=self.epochs,
            validation=self._validation(chosen),
            directory=self.directory,
            verbose=verbose,
        )

    def plot(self, directory: str | os.PathLike[str] | None = None) -> list[Path]:
        """Draw the search into PNG files, and return their paths.

        - `history.png`: the objective of each trial on the first seed, and the best so far.
        - `slices.png`: the objective against each searched value.
        - `parallel_coordinates.png`: all values of each trial, colored by the objective.
        - `importances.png`: how much each value alone decides whether a trial is among the best
          tenth, by PED-ANOVA. Warns if there are fewer than 30 trials.
        - `learning_curves.png`: the objective of the finalists after each epoch, as mean and
          standard error over the seeds.

        A field that is off has a place of its own, at the lower end of its axis. A value of a tier
        beyond the range of the search is drawn just outside of it.

        Args:
            directory: The directory of the files, by default `pictures` in that of the search.

        Reference: Watanabe, Bansal & Hutter, PED-ANOVA: Efficiently Quantifying Hyperparameter
        Importance in Arbitrary Subspaces, 2023, https://arxiv.org/abs/2304.10255
        """
        from .pictures import draw  # matplotlib is slow to import

        check_path("directory", directory, optional=True)
        return draw(self, Path(directory or self.directory / "pictures"))

    @property
    def _ranked(self) -> list[Candidate]:
        return sorted(self.candidates, key=lambda c: (not c.finalist, c.loss))

    @property
    def _hyperparameter_names(self) -> list[str]:
        return list({name: None for c in self.candidates for name in c.hyperparameters})

    def _validation(self, candidate: Candidate) -> dict[str, float]:
        """Return the figures of a candidate at the epochs that judge it, named as in `Run.result`.

        They are its loss, its data loss if that is another one, and its metric.
        """
        figures = {self.objective: candidate.losses}
        if self.objective != "val_data_loss":
            runs = self.executions(candidate)[-len(candidate.losses) :]
            figures["val_data_loss"] = [run.metrics["val_data_loss"] for run in runs]
        figures.setdefault(self.metric, candidate.metrics)
        found = {}
        for name, values in figures.items():
            found[name.removeprefix("val_")] = mean(values)
            if len(values) > 1:
                found[f"{name.removeprefix('val_')}_error"] = standard_error(values)
        return {name: value for name, value in found.items() if math.isfinite(value)}


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
