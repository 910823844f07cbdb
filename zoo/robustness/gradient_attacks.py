"""`fgsm` and `pgd`: attacks that follow the gradient of the cross-entropy."""

from typing import Any

import keras
import numpy as np

from ...core.checks import check_integer, check_number
from ..training import Run
from .attack import AttackResult, Strongest, run
from .ball import Ball
from .classifier import Classifier


def fgsm(
    model: keras.Model | Run | Classifier,
    x: Any,
    y: Any,
    epsilon: float,
    *,
    norm: str = "linf",
    bounds: Any = None,
    seed: int = 0,
) -> AttackResult:
    """Attack a classifier by one step up the gradient of its loss (fast gradient sign method).

        x' = x + epsilon sign(g)        g = grad_x loss(x, y), under "linf"
        x' = x + epsilon g / |g|        under "l2"

    It is the optimal attack on a linear model of two classes. Features are in the units in which
    the model takes them: with standardized ones, epsilon counts standard deviations.

    Args:
        model: A finished `zoo.Run`, or a Keras model with one float input and the output
            `(batch, classes)`, logits.
        x: The samples `(n, ...)`: rows of a table, series or images. They and a few arrays of their
            size are held in memory.
        y: Their class ids `(n,)`. Samples that the model gets wrong are not changed.
        epsilon: The radius of the ball around each sample, in units of the features.
        norm: "linf" bounds the change of each feature, "l2" the Euclidean length of the change.
        bounds: The valid values, `(low, high)`: numbers, or arrays that broadcast to the shape of a
            sample, such as `data.standardized_range`; `None` for any.
        seed: Has no effect; all attacks take it.

    Raises:
        TypeError: If `model` is neither a Keras model nor a run.
        ValueError: If the model returns probabilities, the samples do not fit it or are outside of
            `bounds`, or an argument is out of range.
        RuntimeError: If the backend is not TensorFlow.

    Example: the logits 0 and 2 x have the boundary at x = 0.

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.layers[0].set_weights([np.array([[0.0, 2.0]])])
    >>> found = fgsm(model, [[0.5], [2.0]], [1, 1], epsilon=1.0)
    >>> found.x.ravel().tolist(), found.fooled.tolist(), found.accuracy
    ([-0.5, 1.0], [True, False], 0.5)

    Reference: Goodfellow, Shlens & Szegedy, Explaining and Harnessing Adversarial Examples, 2015,
    https://arxiv.org/abs/1412.6572
    """

    def search(
        classifier: Classifier, ball: Ball, y: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        gradient = classifier.gradient("ce", ball.center, y)[2]
        return ball.project(ball.center + ball.epsilon * ball.steepest(gradient))

    check_number("epsilon", epsilon, "(0, inf)")
    return run("fgsm", search, model, x, y, epsilon, norm=norm, bounds=bounds, seed=seed)


def pgd(
    model: keras.Model | Run | Classifier,
    x: Any,
    y: Any,
    epsilon: float,
    *,
    norm: str = "linf",
    steps: int = 40,
    step_size: float | None = None,
    bounds: Any = None,
    seed: int = 0,
) -> AttackResult:
    """Attack a classifier by projected gradient ascent from a random start.

        x_0 ~ uniform in the ball
        x_(t+1) = project(x_t + step_size sign(g_t))        g_t = grad_x loss(x_t, y), "linf"
        x_(t+1) = project(x_t + step_size g_t / |g_t|)      "l2"

    The result is, for each sample, the point on the way where the model is wrong, or else the one
    of the highest loss, rather than the last.

    Args:
        steps: The number of steps.
        step_size: The length of a step; by default `2.5 epsilon / steps`, which reaches any point
            of the ball from any other.
        seed: The seed of the start.
        model, x, y, epsilon, norm, bounds: As in `fgsm`.

    Raises:
        TypeError, ValueError, RuntimeError: As in `fgsm`.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.layers[0].set_weights([np.array([[0.0, 2.0]])])
    >>> pgd(model, [[0.5], [2.0]], [1, 1], epsilon=1.0, steps=5).x.ravel().tolist()
    [-0.5, 1.0]

    Reference: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, 2018,
    https://arxiv.org/abs/1706.06083
    """
    check_number("epsilon", epsilon, "(0, inf)")
    check_integer("steps", steps, minimum=1)
    check_number("step_size", step_size, "(0, inf)", optional=True)
    step = 2.5 * epsilon / steps if step_size is None else step_size

    def search(
        classifier: Classifier, ball: Ball, y: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        points = ball.random(generator)
        strongest = Strongest(points)
        for _ in range(steps):
            z, losses, gradient = classifier.gradient("ce", points, y)
            strongest.update(points, z.argmax(axis=1) != y, losses)
            points = ball.project(points + step * ball.steepest(gradient))
        z, losses, _ = classifier.gradient("ce", points, y)
        strongest.update(points, z.argmax(axis=1) != y, losses)
        return strongest.points

    return run("pgd", search, model, x, y, epsilon, norm=norm, bounds=bounds, seed=seed)
