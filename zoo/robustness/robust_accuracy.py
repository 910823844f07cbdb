"""`robust_accuracy`: the accuracy of a classifier against the strength of an attack."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from ...core.checks import check_number, check_one_of, check_path, message
from ...core.text_table import table
from ..training import Run
from .apgd import apgd
from .attack import AttackResult
from .auto_attack import auto_attack
from .classifier import Classifier
from .fab import fab
from .gradient_attacks import fgsm, pgd
from .square import square

ATTACKS: dict[str, Callable[..., AttackResult]] = {
    "fgsm": fgsm,
    "pgd": pgd,
    "apgd": apgd,
    "fab": fab,
    "square": square,
    "auto_attack": auto_attack,
}


@dataclass(frozen=True, eq=False)
class RobustnessCurve:
    """The accuracy of a classifier under attacks of growing strength.

    Args:
        epsilons: The radii, 0 first.
        fooled: Whether the model is wrong on each sample at each radius, `(radii, n)` bool.
        attack: The name of the attack.
        norm: "linf" or "l2".
    """

    epsilons: np.ndarray
    fooled: np.ndarray = field(repr=False)
    attack: str
    norm: str

    @property
    def accuracies(self) -> np.ndarray:
        """The accuracy at each radius."""
        return 1 - self.fooled.mean(axis=1)

    @property
    def errors(self) -> np.ndarray:
        """The standard error of each accuracy, over independent samples."""
        return np.sqrt(self.accuracies * (1 - self.accuracies) / self.fooled.shape[1])

    @property
    def mean_accuracy(self) -> float:
        """The mean accuracy over the radii: the area under the curve, divided by its width."""
        width = self.epsilons[-1] - self.epsilons[0]
        return float(np.trapezoid(self.accuracies, self.epsilons) / width)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Plot the accuracy, with its standard error, against the radius into a file."""
        from matplotlib.figure import Figure  # slow to import

        check_path("path", path)
        figure = Figure(figsize=(5, 3.5), layout="constrained")
        axis = figure.add_subplot()
        axis.plot(self.epsilons, self.accuracies, marker="o", markersize=4, clip_on=False)
        band = (np.clip(self.accuracies + sign * self.errors, 0, 1) for sign in (-1, 1))
        axis.fill_between(self.epsilons, *band, alpha=0.2, linewidth=0)
        unit = {"linf": "largest change of a feature", "l2": "Euclidean length"}[self.norm]
        axis.set(xlabel=f"epsilon ({unit})", ylabel="accuracy", ylim=(-0.02, 1.02))
        axis.set_xlim(left=0)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3)
        samples = self.fooled.shape[1]
        axis.set_title(f"{self.attack}, {self.norm}, {samples} samples", fontsize=10, loc="left")
        figure.savefig(path, dpi=100)

    def __str__(self) -> str:
        columns = (self.epsilons, self.accuracies, self.errors)
        rows = [(f"{e:g}", float(a), float(s)) for e, a, s in zip(*columns, strict=True)]
        return table((f"{self.norm} epsilon", "accuracy", "error"), rows)


def robust_accuracy(
    model: keras.Model | Run | Classifier,
    x: Any,
    y: Any,
    *,
    epsilons: Sequence[float],
    attack: str | Callable[..., AttackResult] = "pgd",
    norm: str = "linf",
    bounds: Any = None,
    seed: int = 0,
) -> RobustnessCurve:
    """Attack a classifier with one radius after another.

    A sample that is fooled within a radius is fooled within all larger ones, so only the others are
    attacked again, and the curve never rises. Whether an attack by itself becomes weaker with the
    radius, as single steps may, is not seen here; see `gradient_masking` for such signs.

    Args:
        epsilons: The radii, in increasing order; 0, the accuracy without an attack, is added.
        attack: "fgsm", "pgd", "apgd", "fab", "square" or "auto_attack", or such a function with
            arguments of its own, `functools.partial(pgd, steps=100)`.
        model, x, y, norm, bounds, seed: As in `fgsm`.

    Raises:
        TypeError, ValueError, RuntimeError: As in `fgsm`.

    Example: the distances to the boundary are 0.5 and 2.

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.layers[0].set_weights([np.array([[0.0, 2.0]])])
    >>> print(robust_accuracy(model, [[0.5], [2.0]], [1, 1], epsilons=[0.4, 1.0, 3.0]))
    linf epsilon  accuracy  error
    0                1.000  0.000
    0.4              1.000  0.000
    1                0.500  0.354
    3                0.000  0.000
    """
    if isinstance(attack, str):
        check_one_of("attack", attack, tuple(ATTACKS))
    elif not callable(attack):
        expected = f"one of {', '.join(map(repr, ATTACKS))}, or such a function"
        raise TypeError(message("attack", attack, expected))
    function = ATTACKS[attack] if isinstance(attack, str) else attack
    radii = list(epsilons)
    for radius in radii:
        check_number("epsilons", radius, "[0, inf)")
    radii = [0.0, *(float(radius) for radius in radii if radius)]
    if len(radii) < 2 or any(np.diff(radii) <= 0):
        raise ValueError(message("epsilons", epsilons, "radii above 0 in increasing order"))
    classifier = Classifier.of(model)
    x, y = classifier.check(x, y)
    fooled = [~classifier.is_right(x, y)]
    for radius in radii[1:]:
        now = fooled[-1].copy()
        if (rows := np.flatnonzero(~now)).size:
            options: dict[str, Any] = {"norm": norm, "bounds": bounds, "seed": seed}
            now[rows] = function(classifier, x[rows], y[rows], radius, **options).fooled
        fooled.append(now)
    inner = getattr(function, "func", function)  # of a partial function
    name = attack if isinstance(attack, str) else getattr(inner, "__name__", "attack")
    return RobustnessCurve(np.array(radii), np.stack(fooled), name, norm)
