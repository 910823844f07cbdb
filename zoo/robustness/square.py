"""`square`: a random search that needs no gradients."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from ...core.checks import check_integer, check_number
from ..training import Run
from .attack import AttackResult, run
from .ball import Ball
from .classifier import Classifier

_FIRST_SHARE = 0.8  # of the features in the first window
# The share is halved after each of these queries, of 10,000.
_HALVED_AFTER = np.array([10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]) / 10_000


def square(
    model: keras.Model | Run | Classifier,
    x: Any,
    y: Any,
    epsilon: float,
    *,
    norm: str = "linf",
    queries: int = 5000,
    bounds: Any = None,
    seed: int = 0,
) -> AttackResult:
    """Attack a classifier by changes of random windows, which are kept if they lower the margin.

        margin = z_y - max_(k != y) z_k

    Under "linf", the search starts at +-epsilon, with one sign for each column and channel of an
    image, and for each step and channel of a series. A query sets a window to +epsilon or -epsilon
    in each channel. Under "l2", it starts at a tiling by windows of opposite halves, 5 along each
    axis, and a query moves the change in one window to such a pattern in another one.

    A window is a square of an image or an interval of a series. The columns of a table are not
    neighbors, so there it is a random subset of them, with a sign for each. A window has 80% of the
    positions at first, and ever fewer by the schedule of the paper, which is scaled from 10,000 to
    the number of queries. All samples share the windows of a query.

    Since it sees only the outputs, this attack is not misled by gradients that vanish or are noisy.

    Args:
        queries: The number of queries of each sample that is still right.
        seed: The seed of the windows.
        model, x, y, epsilon, norm, bounds: As in `fgsm`.

    Raises:
        TypeError, ValueError, RuntimeError: As in `fgsm`.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.layers[0].set_weights([np.array([[0.0, 2.0]])])
    >>> square(model, [[0.5], [2.0]], [1, 1], epsilon=1.0, queries=10).fooled.tolist()
    [True, False]

    Reference: Andriushchenko et al., Square Attack: a Query-efficient Black-box Adversarial Attack
    via Random Search, 2020, https://arxiv.org/abs/1912.00049
    """
    check_number("epsilon", epsilon, "(0, inf)")
    check_integer("queries", queries, minimum=1)

    def search(
        classifier: Classifier, ball: Ball, y: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        windows = _Windows(ball.center.shape[1:], generator)
        propose = _propose_linf if ball.norm == "linf" else _propose_l2
        found = ball.project(ball.center + _start(ball, windows))
        margin = _margin(classifier, found, y)
        for query in range(queries):
            rows = np.flatnonzero(margin > 0)
            if not len(rows):
                break
            share = _FIRST_SHARE / 2 ** int((query / queries > _HALVED_AFTER).sum())
            here = ball[rows]
            points = here.project(here.center + propose(here, found[rows], windows, share))
            reached = _margin(classifier, points, y[rows])
            better = reached < margin[rows]
            found[rows[better]], margin[rows[better]] = points[better], reached[better]
        return found

    return run("square", search, model, x, y, epsilon, norm=norm, bounds=bounds, seed=seed)


def _margin(classifier: Classifier, points: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the margin `(n,)`, at most 0 where the model is wrong."""
    z = classifier.logits(points)
    rows = np.arange(len(y))
    own, wrong = z[rows, y], z.argmax(axis=1) != y
    z[rows, y] = -np.inf
    margin = own - z.max(axis=1)
    return np.where(wrong, np.minimum(margin, 0.0), np.maximum(margin, np.finfo("float32").tiny))


class _Windows:
    """Random windows over the positions of a sample `(*positions, channels)`, or a table's columns.

    Args:
        shape: The shape of a sample.
        generator: The source of all random numbers.

    Attributes:
        channels: The number of channels; 1 for a table.
    """

    def __init__(self, shape: tuple[int, ...], generator: np.random.Generator):
        self.shape, self.generator = shape, generator
        self.is_table = len(shape) == 1
        self.positions = shape if self.is_table else shape[:-1]
        self.channels = 1 if self.is_table else shape[-1]

    def draw(self, share: float, smallest: int = 1) -> np.ndarray:
        """Return a window of a share of the positions, bool `(*positions,)`."""
        window = np.zeros(self.positions, bool)
        if self.is_table:
            size = min(max(round(share * window.size), smallest), window.size)
            window[self.generator.permutation(window.size)[:size]] = True
            return window
        side = share ** (1 / len(self.positions))
        sizes = [min(max(round(side * n), smallest), n) for n in self.positions]
        starts = [
            int(self.generator.integers(n - size + 1))
            for n, size in zip(self.positions, sizes, strict=True)
        ]
        window[tuple(slice(a, a + size) for a, size in zip(starts, sizes, strict=True))] = True
        return window

    def tiles(self) -> Iterator[np.ndarray]:
        """Yield windows of a fifth of each axis, which cover all positions; for a table, all."""
        most = 1 if self.is_table else 5
        cuts = [np.linspace(0, n, min(n, most) + 1).astype(int) for n in self.positions]
        for corner in itertools.product(*[itertools.pairwise(cut) for cut in cuts]):
            window = np.zeros(self.positions, bool)
            window[tuple(slice(*each) for each in corner)] = True
            yield window

    def signs(self, *sizes: int) -> np.ndarray:
        return self.generator.choice(np.array([-1.0, 1.0], "float32"), sizes)

    def pattern(self, window: np.ndarray) -> np.ndarray:
        """Return a change of length 1 within a window, of opposite halves, `(*positions,)`.

        Around the center of each half of a square or interval the change is large, and it falls
        off to its border. In a table it has a random sign for each column.
        """
        if self.is_table:
            return window * self.signs(*window.shape) / math.sqrt(window.sum())
        corners = [(index.min(), index.max() + 1) for index in np.nonzero(window)]
        axis = int(self.generator.integers(len(corners)))
        start, stop = corners[axis]
        change = np.zeros(self.positions)
        for sign, part in (
            (1.0, (start, (start + stop) // 2)),
            (-1.0, ((start + stop) // 2, stop)),
        ):
            half = [part if i == axis else corner for i, corner in enumerate(corners)]
            if part[1] > part[0]:
                change[tuple(slice(*each) for each in half)] = sign * _pyramid(half)
        return change / np.linalg.norm(change)


def _pyramid(corners: list[tuple[int, int]]) -> np.ndarray:
    """Return nested boxes of the weights 1, 1/4, 1/9, ... around the center, summed."""
    sizes = [b - a for a, b in corners]
    grid = np.meshgrid(*[np.abs(np.arange(n) - n // 2) for n in sizes], indexing="ij")
    distance = np.max(grid, axis=0)
    weights = 1 / np.arange(1, max(sizes) // 2 + 2) ** 2
    return np.cumsum(weights[::-1])[::-1][distance]


def _start(ball: Ball, windows: _Windows) -> np.ndarray:
    """Return the change of each sample with which the search begins."""
    n, shape = ball.center.shape[0], ball.center.shape[1:]
    if ball.norm == "linf":
        stripes = (1, *shape[1:]) if len(shape) > 2 else shape
        return ball.epsilon * np.broadcast_to(windows.signs(n, *stripes), ball.center.shape)
    change = np.zeros(ball.center.shape)
    for window in windows.tiles():
        signs = windows.signs(n, windows.channels)
        change += _on_channels(windows.pattern(window), signs, ball)
    return ball.epsilon * ball.steepest(change)


def _propose_linf(ball: Ball, found: np.ndarray, windows: _Windows, share: float) -> np.ndarray:
    """Return the changes `(n, ...)` with a window set to +-epsilon."""
    window = windows.draw(share)
    if not windows.is_table:
        window = window[..., None]
    sign = windows.signs(*windows.shape) if windows.is_table else windows.signs(windows.channels)
    return np.where(window, ball.epsilon * sign, found - ball.center)


def _propose_l2(ball: Ball, found: np.ndarray, windows: _Windows, share: float) -> np.ndarray:
    """Return the changes `(n, ...)` with the length of two windows moved into the first."""
    change = (found - ball.center).astype("float64")
    first, second = (windows.draw(share, smallest=3) for _ in range(2))
    pattern = windows.pattern(first)
    if not windows.is_table:
        first, second = first[..., None], second[..., None]
    axes = tuple(range(1, 1 + len(windows.positions)))

    def length(values: np.ndarray) -> np.ndarray:
        return np.sqrt(np.sum(values**2, axis=axes, keepdims=True))

    free = np.maximum(ball.epsilon**2 - ball.per_sample(ball.length(change)) ** 2, 0.0)
    available = np.sqrt(free / windows.channels + length(change * (first | second)) ** 2)
    old = change * first
    signs = windows.signs(len(ball), windows.channels)
    new = _on_channels(pattern, signs, ball) + old / np.maximum(length(old), 1e-12)
    new *= available / np.maximum(length(new), 1e-12)
    change = np.where(first, new, np.where(second, 0.0, change))
    return ball.epsilon * ball.steepest(change)


def _on_channels(pattern: np.ndarray, signs: np.ndarray, ball: Ball) -> np.ndarray:
    """Return a pattern `(*positions,)` with a sign `(n, channels)` for each channel."""
    if ball.center.ndim == 2:
        return pattern * signs
    shape = (len(signs), *[1] * pattern.ndim, signs.shape[1])
    return pattern[..., None] * signs.reshape(shape)
