"""The objective, the candidates of a search, and the choice among them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import keras_tuner

from ..core.text_table import table
from ..zoo import Regularization

# A name in the training history, and "min" or "max". Not "val_loss": it contains the penalties.
OBJECTIVE = keras_tuner.Objective("val_data_loss", "min")
SIGN = 1 if OBJECTIVE.direction == "min" else -1  # loss = SIGN * objective


@dataclass(frozen=True)
class Candidate:
    """A `Regularization` and its losses.

    Args:
        trial: The number of the trial, from 0.
        regularization: The regularization of the trial.
        losses: The best value of the objective in the run with each seed, negated if larger
            values are better. For a finalist, without the seed that selected it.
        metrics: The values of the metric of the task at the same epochs, on validation data.
        finalist: Whether it was among the best trials, and trained on several seeds.
        hyperparameters: The values of the hyperparameters of a `build(hp)` function.

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


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean, `s / sqrt(n)`; 0 for a single value.

    Example:

    >>> standard_error([1.0, 3.0])
    1.0
    """
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


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

    Args:
        candidates: All trials, in the order in which they ran.
        space: The fields of the search.
        directory: The directory with the trials and their TensorBoard logs.
        metric: The name of the metric of the candidates.

    Example:

    >>> from occam.zoo import Regularization
    >>> off = Candidate(0, Regularization(), (0.50, 0.54), (0.90, 0.90))
    >>> on = Candidate(1, Regularization(l2=1e-4), (0.51, 0.55), (0.90, 0.89))
    >>> tuning = Tuning((off, on), ("l2",), Path("trials"))
    >>> tuning.regularization  # the two are within one standard error
    Regularization(l2=0.0001)
    >>> print(tuning.table())
       trial  val_data_loss    val_accuracy  regularization
           0  0.5200 ± 0.0200         0.900  Regularization()
    *      1  0.5300 ± 0.0200         0.895  Regularization(l2=0.0001)
    """

    candidates: tuple[Candidate, ...]
    space: tuple[str, ...]
    directory: Path
    metric: str = "val_accuracy"

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
        """The values of the hyperparameters of `build` in the chosen candidate."""
        return self.chosen.hyperparameters

    def table(self) -> str:
        """Return a table of the candidates, with an asterisk at the chosen one.

        The finalists come first, then the others, each best first.
        """
        chosen = self.chosen
        names = list({name: None for c in self.candidates for name in c.hyperparameters})
        metric = [self.metric] if self.metric != OBJECTIVE.name else []
        head = ("", "trial", OBJECTIVE.name, *metric, *names, "regularization")
        rows = [
            (
                "*" if c is chosen else "",
                c.trial,
                f"{SIGN * c.loss:.4f}" + f" ± {c.loss_error:.4f}" * (len(c.losses) > 1),
                *([c.metric] if metric else []),
                *(_text(c.hyperparameters.get(name, "")) for name in names),
                repr(c.regularization),
            )
            for c in sorted(self.candidates, key=lambda c: (not c.finalist, c.loss))
        ]
        return table(head, rows)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
