"""`fab`: the nearest input on which a classifier is wrong."""

import math
from typing import Any

import keras
import numpy as np

from ...core.checks import check_bool, check_integer
from ..training import Run
from .apgd import targets
from .attack import AttackResult, run
from .ball import Ball
from .classifier import Classifier

_MOST_OF_SAMPLE = 0.1  # alpha_max, the largest share of the step from the sample
_OVERSHOOT = 1.05  # eta
_BACKWARD = 0.9  # beta
_HALVINGS = 12  # of the way to the sample, in the final search


def fab(
    model: keras.Model | Run | Classifier,
    x: Any,
    y: Any,
    epsilon: float = math.inf,
    *,
    norm: str = "linf",
    targeted: bool = False,
    steps: int = 100,
    bounds: Any = None,
    seed: int = 0,
) -> AttackResult:
    """Attack a classifier by the smallest change (fast adaptive boundary attack).

    In each step, the classifier is replaced by its linearization at x_t, in which the boundary to
    another class k is the plane `z_k - z_y = 0`. The nearest plane pi is taken, and

        x_(t+1) = (1 - a) (x_t + 1.05 d_t) + a (x + 1.05 d),    a = min(|d_t| / (|d_t| + |d|), 0.1)

    where d_t and d are the shortest changes within the bounds that lead from x_t and from the
    sample x to pi. If x_(t+1) is wrong, it is kept if it is the nearest one so far, and the search
    goes on from `x + 0.9 (x_(t+1) - x)`. At the end, the way from the sample to the point found is
    halved 12 times, in place of the three secant steps of the paper.

    The attack has no loss that could be flat, and one run serves all radii: `distances` are upper
    bounds of the distance of each sample to the boundary.

    Args:
        epsilon: The radius of the ball; a sample whose point is farther counts as right, and is
            returned unchanged. By default there is no limit.
        targeted: Whether to take the plane of one class after another, the 9 of the largest logits
            besides that of y, each for all steps. By default, the nearest plane of all classes,
            which takes a gradient of each class in each step.
        steps: The number of steps.
        seed: Has no effect: the search starts at the sample, as in the standard AutoAttack.
        model, x, y, norm, bounds: As in `fgsm`.

    Raises:
        TypeError, ValueError, RuntimeError: As in `fgsm`.

    Example: the logits 0 and 2 x have the boundary at x = 0.

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.layers[0].set_weights([np.array([[0.0, 2.0]])])
    >>> fab(model, [[0.5], [2.0]], [1, 1]).distances.round(2).tolist()
    [0.5, 2.0]

    Reference: Croce & Hein, Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary
    Attack, 2020, https://arxiv.org/abs/1907.02044
    """
    check_bool("targeted", targeted)
    check_integer("steps", steps, minimum=1)

    def search(
        classifier: Classifier, ball: Ball, y: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        others = targets(classifier, ball.center, y) if targeted else _all_others(classifier, y)
        found, distance = ball.center.copy(), np.full(len(y), np.inf)
        for classes in np.split(others, others.shape[1], axis=1) if targeted else [others]:
            rows = distance > epsilon if epsilon < math.inf else np.ones(len(y), bool)
            points, near = _nearest(classifier, ball[rows], y[rows], classes[rows], steps)
            closer = near < distance[rows]
            index = np.flatnonzero(rows)[closer]
            found[index], distance[index] = points[closer], near[closer]
            if epsilon < math.inf and (distance <= epsilon).all():
                break
        found[distance > epsilon] = ball.center[distance > epsilon]
        return found

    name = "fab-t" if targeted else "fab"
    return run(name, search, model, x, y, epsilon, norm=norm, bounds=bounds, seed=seed)


def _all_others(classifier: Classifier, y: np.ndarray) -> np.ndarray:
    """Return all classes `(n, classes - 1)` but y."""
    ids = np.arange(classifier.classes - 1, dtype="int32")
    return ids + (ids >= y[:, None]).astype("int32")


def _nearest(
    classifier: Classifier, ball: Ball, y: np.ndarray, classes: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest wrong point of each sample, and its distance or infinity."""
    points, found = ball.center.copy(), ball.center.copy()
    distance = np.full(len(y), np.inf)
    for _ in range(steps):
        gap, normal = _plane(classifier, ball, points, y, classes)
        from_points = to_plane(points, normal, gap, ball)
        offset = (normal * (points - ball.center)).reshape(len(y), -1).sum(axis=1)
        from_center = to_plane(ball.center, normal, gap + offset, ball)
        lengths = [np.maximum(ball.length(change), 1e-8) for change in (from_points, from_center)]
        share = ball.per_sample(np.minimum(lengths[0] / sum(lengths), _MOST_OF_SAMPLE))
        points = ball.clip(
            (1 - share) * (points + _OVERSHOOT * from_points)
            + share * (ball.center + _OVERSHOOT * from_center)
        )
        wrong = ~classifier.is_right(points, y)
        near = ball.length(points.astype("float64") - ball.center)
        closer = wrong & (near < distance)
        found[closer], distance[closer] = points[closer], near[closer]
        back = ball.center + _BACKWARD * (points - ball.center)
        points = np.where(ball.per_sample(wrong), back, points)
    near_end, far_end = np.zeros(len(y)), np.ones(len(y))
    for _ in range(_HALVINGS):
        middle = (near_end + far_end) / 2
        between = ball.center + ball.per_sample(middle) * (found - ball.center)
        wrong = ~classifier.is_right(between.astype("float32"), y)
        far_end, near_end = np.where(wrong, middle, far_end), np.where(wrong, near_end, middle)
    between = ball.center + ball.per_sample(far_end) * (found - ball.center)
    found = np.where(ball.per_sample(far_end < 1), between, found).astype("float32")
    near = ball.length(found.astype("float64") - ball.center)
    return found, np.where(distance < np.inf, near, np.inf)


def _plane(
    classifier: Classifier, ball: Ball, points: np.ndarray, y: np.ndarray, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest linearized boundary: `normal . change = gap` leads from a point to it."""
    dual = {"linf": 1, "l2": 2}[ball.norm]
    nearest = np.full(len(y), np.inf)
    gap, normal = np.zeros(len(y)), np.zeros_like(points)
    for target in classes.T:
        _, difference, gradient = classifier.gradient("difference", points, y, target)
        slope = np.linalg.norm(gradient.reshape(len(y), -1).astype("float64"), dual, axis=1)
        distance = np.abs(difference) / (slope + 1e-12)
        closer = distance < nearest
        nearest[closer] = distance[closer]
        gap[closer], normal[closer] = -difference[closer], gradient[closer]
    return gap, normal


def to_plane(points: np.ndarray, normal: np.ndarray, gap: np.ndarray, ball: Ball) -> np.ndarray:
    """Return the shortest changes of points within the bounds that lead to planes.

        minimize |d|    with normal . d = gap,    low <= x + d <= high

    Under both norms each feature moves toward the plane by `min(t s_i, r_i)`, where r_i is the room
    to its bound, and s_i is 1 under "linf" and |normal_i| under "l2". What this gains,
    `sum_i |normal_i| min(t s_i, r_i)`, is piecewise linear in t, so t follows from the sorted
    r_i / s_i. If the plane is out of reach, all features move to their bounds.
    """
    shape, n = points.shape, len(points)
    x, w = points.reshape(n, -1).astype("float64"), normal.reshape(n, -1).astype("float64")
    direction = np.sign(w) * np.sign(gap)[:, None]
    bounds = (np.broadcast_to(b, shape).reshape(n, -1) for b in (ball.low, ball.high))
    low, high = bounds
    room = np.select([direction > 0, direction < 0], [high - x, x - low], 0.0)
    room = np.maximum(room, 0.0)
    w = np.abs(w)
    speed = np.ones_like(w) if ball.norm == "linf" else w
    with np.errstate(divide="ignore", over="ignore"):
        ends = np.where(room > 0, room / np.where(room > 0, speed, 1.0), 0.0)
    order = np.argsort(ends, axis=1, kind="stable")
    gain, ends, slopes = (
        np.take_along_axis(a, order, axis=1)
        for a in (w * np.where(np.isfinite(room), room, 0.0), ends, w * speed)
    )
    used = np.cumsum(gain, axis=1) - gain  # by the features that are at their bounds
    slopes = np.cumsum(slopes[:, ::-1], axis=1)[:, ::-1]  # of the others
    with np.errstate(invalid="ignore"):
        reached = used + np.where(slopes > 0, ends * slopes, 0.0)
    enough = reached >= np.abs(gap)[:, None]
    first = enough.argmax(axis=1)
    rows = np.arange(n)
    slope = slopes[rows, first]
    t = np.maximum(np.abs(gap) - used[rows, first], 0.0) / np.where(slope > 0, slope, 1.0)
    t = np.where(enough.any(axis=1), t, np.inf)[:, None]
    with np.errstate(invalid="ignore"):
        far = np.where(speed > 0, t * speed, 0.0)
    change = direction * np.minimum(far, np.where(np.isfinite(room), room, far))
    return np.where(np.isfinite(change), change, 0.0).reshape(shape)
