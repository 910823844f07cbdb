"""`apgd`: projected gradient ascent with momentum, which chooses its own step size."""

from typing import Any

import keras
import numpy as np

from ...core.checks import check_integer, check_number, check_one_of, message
from ..training import Run
from .attack import AttackResult, Strongest, run
from .ball import Ball
from .classifier import Classifier

TARGETS = 9  # the most classes that a targeted attack tries, as in the standard AutoAttack
_MOMENTUM = 0.75  # alpha
_RISING = 0.75  # rho, the share of steps that must raise the loss
_CLASSES = {"ce": 2, "dlr": 3, "dlr-targeted": 4}  # the fewest for which a loss is defined


def apgd(
    model: keras.Model | Run | Classifier,
    x: Any,
    y: Any,
    epsilon: float,
    *,
    norm: str = "linf",
    loss: str = "ce",
    steps: int = 100,
    bounds: Any = None,
    seed: int = 0,
) -> AttackResult:
    """Attack a classifier by Auto-PGD, which needs no step size.

        z_(t+1) = project(x_t + eta_t sign(g_t)),    g_t / |g_t| under "l2"
        x_(t+1) = project(x_t + 3/4 (z_(t+1) - x_t) + 1/4 (x_t - x_(t-1)))

    The step size begins at `eta = 2 epsilon`. At checkpoints, after 22% of the steps and then at
    intervals that become shorter, it is halved for a sample if fewer than 3/4 of the steps since
    the last checkpoint raised the loss, or if neither the step size nor the best loss changed since
    then. After halving, the search restarts from the best point.

    The losses, where `z_(k)` is the k-th largest logit:

        ce            -log softmax(z)_y
        dlr           -(z_y - max_(k != y) z_k) / (z_(1) - z_(3))
        dlr-targeted  -(z_y - z_t) / (z_(1) - (z_(3) + z_(4)) / 2)

    The difference of logits ratio does not change when all logits are scaled, so its gradient does
    not vanish where the model is sure. The targeted one is maximized for one class t after another,
    those of the 9 largest logits besides that of y, on the samples that are still right.

    Args:
        loss: "ce", "dlr" or "dlr-targeted".
        steps: The number of steps; for "dlr-targeted", of each class.
        seed: The seed of the start, which is uniform in the ball.
        model, x, y, epsilon, norm, bounds: As in `fgsm`.

    Raises:
        ValueError: As in `fgsm`, or if the model has fewer classes than the loss needs: 3 for
            "dlr" and 4 for "dlr-targeted".
        TypeError, RuntimeError: As in `fgsm`.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.layers[0].set_weights([np.array([[0.0, 2.0]])])
    >>> apgd(model, [[0.5], [2.0]], [1, 1], epsilon=1.0, steps=10).fooled.tolist()
    [True, False]

    Reference: Croce & Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of
    Diverse Parameter-free Attacks, 2020, https://arxiv.org/abs/2003.01690
    """
    check_number("epsilon", epsilon, "(0, inf)")
    check_one_of("loss", loss, tuple(_CLASSES))
    check_integer("steps", steps, minimum=1)
    classifier = Classifier.of(model)
    if classifier.classes < _CLASSES[loss]:
        expected = f"'ce' for a model of {classifier.classes} classes, as it needs {_CLASSES[loss]}"
        raise ValueError(message("loss", loss, expected))

    def search(
        classifier: Classifier, ball: Ball, y: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        if loss != "dlr-targeted":
            return _ascend(classifier, ball, y, None, loss, steps, generator)
        found, right = ball.center.copy(), np.ones(len(y), bool)
        for target in targets(classifier, ball.center, y).T:
            given = y[right], target[right]
            found[right] = _ascend(classifier, ball[right], *given, loss, steps, generator)
            right[right] = classifier.is_right(found[right], y[right])
            if not right.any():
                break
        return found

    name = "apgd-t" if loss == "dlr-targeted" else f"apgd-{loss}"
    return run(name, search, classifier, x, y, epsilon, norm=norm, bounds=bounds, seed=seed)


def targets(classifier: Classifier, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the classes `(n, targets)` other than y, of the largest logits first, at most 9."""
    z = classifier.logits(x)
    z[np.arange(len(y)), y] = np.inf
    return np.argsort(-z, axis=1, kind="stable")[:, 1 : TARGETS + 1].astype("int32")


def _ascend(
    classifier: Classifier,
    ball: Ball,
    y: np.ndarray,
    target: np.ndarray | None,
    loss: str,
    steps: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return the strongest point of each sample after all steps."""
    points = previous = ball.random(generator)
    z, losses, gradient = classifier.gradient(loss, points, y, target)
    strongest = Strongest(points)
    strongest.update(points, z.argmax(axis=1) != y, losses)
    best, best_losses, best_gradient = points.copy(), losses.copy(), gradient.copy()
    step_size = np.full(len(y), 2 * ball.epsilon, "float32")

    interval, shortest, shorter = (max(int(share * steps), 1) for share in (0.22, 0.06, 0.03))
    since, rises = 0, np.zeros(len(y))
    checked_losses, was_halved = best_losses.copy(), np.ones(len(y), bool)
    for step in range(steps):
        ahead = ball.project(points + ball.per_sample(step_size) * ball.steepest(gradient))
        momentum = points - previous
        weight = _MOMENTUM if step else 1.0
        previous = points
        points = ball.project(points + weight * (ahead - points) + (1 - weight) * momentum)
        before = losses
        z, losses, gradient = classifier.gradient(loss, points, y, target)
        strongest.update(points, z.argmax(axis=1) != y, losses)
        rises += losses > before
        better = losses > best_losses
        best[better], best_losses[better] = points[better], losses[better]
        best_gradient[better] = gradient[better]

        since += 1
        if since == interval:
            stuck = ~was_halved & (best_losses <= checked_losses)
            halve = (rises < _RISING * interval) | stuck
            step_size[halve] /= 2
            points[halve], losses[halve] = best[halve], best_losses[halve]
            gradient[halve] = best_gradient[halve]
            checked_losses, was_halved = best_losses.copy(), halve
            since, rises = 0, np.zeros(len(y))
            interval = max(interval - shorter, shortest)
    return strongest.points
