"""`Robustness`: the accuracy of a classifier under attacks and corruptions."""

import warnings
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ...callbacks.tensorboard.summaries import new_figure
from ..robustness import (
    CorruptionAccuracy,
    RobustnessCurve,
    auto_attack,
    corruption_accuracy,
    robust_accuracy,
)
from ..robustness.classifier import Classifier
from .bootstrap import Interval, bootstrap_replicates
from .subject import LeftOut

ATTACKED, _CORRUPTED = 200, 2000  # rows
_NORMAL_95 = 1.96  # standard errors on each side of a 95% interval
_SHARES = (0.25, 0.5, 0.75, 1.0)  # of epsilon, on the curve


@dataclass(frozen=True, eq=False)
class Robustness:
    """The accuracy of a classifier on inputs that were changed.

    Args:
        epsilon: The largest change of a feature, in standard deviations of the training part.
        rows: The number of rows that were attacked.
        accuracy: The accuracy that AutoAttack leaves within epsilon.
        auto_attack: The accuracy after each of its attacks, "clean" first.
        curve: The accuracy under PGD at a quarter, half, three quarters and all of epsilon. PGD is
            weaker than AutoAttack, so the curve is an upper bound.
        corruptions: The accuracy under common corruptions by kind and severity.
        notes: What AutoAttack said of the figures, such as signs of masked gradients.
    """

    epsilon: float
    rows: int
    accuracy: Interval
    auto_attack: dict[str, float]
    curve: RobustnessCurve
    corruptions: CorruptionAccuracy
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        curve = zip(self.curve.epsilons.tolist(), self.curve.accuracies.tolist(), strict=True)
        corruptions = {
            "clean": self.corruptions.clean,
            "mean": self.corruptions.mean,
            "severities": [*self.corruptions.severities],
            "accuracies": dict(
                zip(self.corruptions.kinds, self.corruptions.accuracies.tolist(), strict=True)
            ),
        }
        return {
            "epsilon": self.epsilon,
            "norm": self.curve.norm,
            "rows": self.rows,
            "accuracy": self.accuracy._asdict(),
            "auto_attack": self.auto_attack,
            "pgd": [{"epsilon": epsilon, "accuracy": accuracy} for epsilon, accuracy in curve],
            "corruptions": corruptions,
            "notes": [*self.notes],
        }


def judge_robustness(
    model: keras.Model,
    x: Any,
    y: np.ndarray,
    epsilon: float,
    *,
    bounds: Any,
    resamples: int,
    seed: int,
) -> Robustness:
    """Attack and corrupt a random sample of rows; `x` has the features of the model.

    Raises:
        LeftOut: If the model or its features cannot be attacked.
    """
    if isinstance(x, dict):
        raise LeftOut("attacks need one array of features")
    if x.ndim not in (2, 3, 4):
        raise LeftOut(f"corruptions are for tables, series and images, not for rank {x.ndim}")
    try:
        classifier = Classifier(model)
    except (RuntimeError, ValueError) as error:
        raise LeftOut(str(error)) from error
    rows = np.random.default_rng(seed).permutation(len(y))[:_CORRUPTED]
    few = rows[:ATTACKED]
    near: Any = {"bounds": bounds, "seed": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the result has its notes
        strongest = auto_attack(classifier, x[few], y[few], epsilon, **near)
    radii = [share * epsilon for share in _SHARES]
    right = 1.0 - strongest.fooled
    drawn = bootstrap_replicates(
        lambda chosen: {"accuracy": right[chosen].mean()}, len(few), resamples, [seed, len(few)]
    )
    return Robustness(
        epsilon=float(epsilon),
        rows=len(few),
        accuracy=Interval.of(right.mean(), drawn.get("accuracy")),
        auto_attack=dict(strongest.accuracies),
        curve=robust_accuracy(classifier, x[few], y[few], epsilons=radii, attack="pgd", **near),
        corruptions=corruption_accuracy(model, x[rows], y[rows], **near),
        notes=strongest.notes,
    )


def robustness_figure(found: Robustness) -> Any:
    """Return a figure of the accuracy against the radius of an attack, and against severities."""
    figure = new_figure(9, 3.8)
    attacked, corrupted = figure.subplots(1, 2, sharey=True)
    curve = found.curve
    attacked.plot(curve.epsilons, curve.accuracies, marker="o", markersize=4, label="PGD")
    band = [np.clip(curve.accuracies + sign * _NORMAL_95 * curve.errors, 0, 1) for sign in (-1, 1)]
    attacked.fill_between(curve.epsilons, *band, alpha=0.2, linewidth=0)
    value, low, high = found.accuracy
    ends = None if low is None or high is None else [[value - low], [high - value]]
    attacked.errorbar(
        [found.epsilon], [value], yerr=ends, fmt="s", color="C3", capsize=3, label="AutoAttack"
    )
    attacked.set(xlabel="largest change of a feature, in standard deviations", ylabel="accuracy")
    title = f"attacks, {found.rows} samples, 95% intervals"
    attacked.set_title(title, fontsize=10, loc="left")
    severities = (0, *found.corruptions.severities)
    pairs = zip(found.corruptions.kinds, found.corruptions.accuracies, strict=True)
    for kind, accuracies in pairs:
        values = (found.corruptions.clean, *accuracies)
        corrupted.plot(severities, values, marker="o", markersize=3, label=kind)
    corrupted.set(xlabel="severity", xticks=severities)
    corrupted.set_title("corruptions", fontsize=10, loc="left")
    for axis in (attacked, corrupted):
        axis.set_ylim(-0.02, 1.02)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3)
    attacked.legend(frameon=False, fontsize=8)
    corrupted.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
