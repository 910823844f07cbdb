"""`AttackResult`: what an attack found; `run`, what all attacks have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from ...core.checks import check_integer
from ...core.text_table import table
from ..training import Run
from .ball import Ball
from .classifier import Classifier

Search = Callable[[Classifier, Ball, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True, eq=False)
class AttackResult:
    """The inputs that an attack found, and the accuracy that is left.

    Args:
        x: The inputs after the attack, `(n, ...)` float32, within the ball and the bounds.
        fooled: Whether the model is wrong on each of them, bool `(n,)`. Samples that it gets wrong
            without an attack count, too.
        distances: The norm of the change of each sample `(n,)`.
        accuracies: The accuracy before the attack, "clean", and after each one in their order.
        epsilon: The radius of the ball.
        norm: "linf" or "l2".
        notes: What a reader of the figures should know, such as signs of masked gradients.
    """

    x: np.ndarray = field(repr=False)
    fooled: np.ndarray = field(repr=False)
    distances: np.ndarray = field(repr=False)
    accuracies: Mapping[str, float]
    epsilon: float
    norm: str
    notes: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """The share of samples on which the model is still right."""
        return float(1 - self.fooled.mean())

    def __str__(self) -> str:
        head = (f"{self.norm}, epsilon {self.epsilon:g}", "accuracy")
        return "\n".join([table(head, [*self.accuracies.items()]), *self.notes])


def run(
    name: str,
    search: Search,
    model: keras.Model | Run | Classifier,
    x: Any,
    y: Any,
    epsilon: float,
    *,
    norm: str,
    bounds: Any,
    seed: int,
) -> AttackResult:
    """Check the arguments, search for points on the samples that are right, and judge them.

    Args:
        name: The name of the attack in `AttackResult.accuracies`.
        search: A function from the classifier, the ball of the samples, their classes and a
            generator to points of the ball.
    """
    check_integer("seed", seed, minimum=0)
    classifier = Classifier.of(model)
    x, y = classifier.check(x, y)
    ball = Ball.around(x, epsilon, norm, bounds)
    right = classifier.is_right(x, y)
    found = x.copy()
    if right.any():
        generator = np.random.default_rng(seed)
        found[right] = search(classifier, ball[right], y[right], generator)
    fooled = ~right
    fooled[right] = ~classifier.is_right(found[right], y[right]) if right.any() else False
    accuracies = {"clean": float(right.mean()), name: float(1 - fooled.mean())}
    return AttackResult(
        found, fooled, ball.length(found.astype("float64") - x), accuracies, ball.epsilon, norm
    )


class Strongest:
    """The strongest point seen of each sample: a wrong answer first, then the highest loss.

    Attributes:
        points: These points `(n, ...)`.
        fooled: Whether the model is wrong there, bool `(n,)`.
        losses: Their losses `(n,)`.
    """

    def __init__(self, points: np.ndarray):
        self.points = points.copy()
        self.fooled = np.zeros(len(points), bool)
        self.losses = np.full(len(points), -np.inf)

    def update(self, points: np.ndarray, fooled: np.ndarray, losses: np.ndarray) -> None:
        better = (fooled > self.fooled) | ((fooled == self.fooled) & (losses > self.losses))
        self.points[better] = points[better]
        self.fooled[better] = fooled[better]
        self.losses[better] = losses[better]
