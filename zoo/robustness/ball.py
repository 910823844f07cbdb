"""`Ball`: the inputs that an attack may use, those near a sample and within valid bounds."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.checks import check_number, check_one_of, message

NORMS = ("linf", "l2")


@dataclass(frozen=True, eq=False)
class Ball:
    """The points within a distance of `epsilon` of each sample, and within the bounds of features.

    Args:
        center: The samples `(n, ...)`, float32.
        epsilon: The radius, in units of the features; may be infinite.
        norm: "linf", the largest change of a feature, or "l2", the Euclidean length.
        low, high: The bounds of valid values, which broadcast to the shape of a sample.
    """

    center: np.ndarray
    epsilon: float
    norm: str
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def around(cls, x: np.ndarray, epsilon: float, norm: str, bounds: Any) -> "Ball":
        """Return the ball around samples, for the arguments of an attack.

        Raises:
            ValueError: If an argument is out of range, or a sample is outside of `bounds`.
        """
        check_one_of("norm", norm, NORMS)
        if epsilon != math.inf:
            check_number("epsilon", epsilon, "(0, inf)")
        low, high = parse_bounds(bounds, x.shape[1:])
        if (x < low).any() or (x > high).any():
            received = (float(x.min()), float(x.max()))
            raise ValueError(message("x", received, f"within bounds={bounds!r}"))
        return cls(x, float(epsilon), norm, low, high)

    def __getitem__(self, rows: np.ndarray) -> "Ball":
        return replace(self, center=self.center[rows])

    def __len__(self) -> int:
        return len(self.center)

    def length(self, changes: np.ndarray) -> np.ndarray:
        """Return the norms `(n,)` of changes `(n, ...)`."""
        flat = changes.reshape(len(changes), -1).astype("float64")
        return np.abs(flat).max(axis=1) if self.norm == "linf" else np.linalg.norm(flat, axis=1)

    def steepest(self, gradient: np.ndarray) -> np.ndarray:
        """Return the direction of length 1 in which a loss with this gradient rises most."""
        if self.norm == "linf":
            return np.sign(gradient)
        lengths = self.per_sample(self.length(gradient))
        return (gradient / np.maximum(lengths, np.finfo("float64").tiny)).astype("float32")

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return points of the ball: scaled or clipped into it, then clipped to the bounds.

        Under "linf" no feature differs from the sample by more than `epsilon`, exactly. Under "l2"
        the length is exact up to the rounding of float32.
        """
        if self.norm == "linf":
            center = self.center.astype("float64")
            low = np.minimum(_rounded(center - self.epsilon, np.inf), self.center)
            high = np.maximum(_rounded(center + self.epsilon, -np.inf), self.center)
            points = np.clip(points, low, high)
        else:
            change = points.astype("float64") - self.center
            length = self.length(change)
            far = length > self.epsilon
            factor = np.where(far, self.epsilon / np.where(far, length, 1.0), 1.0)
            points = self.center + change * self.per_sample(factor)
        return self.clip(points)

    def clip(self, points: np.ndarray) -> np.ndarray:
        """Return the nearest points within the bounds, which are not farther from the samples."""
        return np.clip(points.astype("float32"), self.low, self.high)

    def random(self, generator: np.random.Generator) -> np.ndarray:
        """Return a random point of each ball, uniform if the bounds are far."""
        shape = self.center.shape
        if self.norm == "linf":
            change = generator.uniform(-1, 1, shape)
        else:
            change = generator.normal(size=shape)
            radius = generator.uniform(size=len(self)) ** (1 / max(math.prod(shape[1:]), 1))
            change *= self.per_sample(radius / np.maximum(self.length(change), 1e-12))
        return self.project(self.center + self.epsilon * change)

    def per_sample(self, values: np.ndarray) -> np.ndarray:
        """Return values `(n,)` in a shape that broadcasts to the samples."""
        return values.reshape(-1, *[1] * (self.center.ndim - 1))


def parse_bounds(bounds: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the argument `bounds` as arrays for samples of a shape, infinite if it is `None`.

    Raises:
        ValueError: If it is something else than a low and a high bound.
    """
    expected = f"None or (low, high), numbers or arrays that broadcast to {shape}, low <= high"
    given = (-np.inf, np.inf) if bounds is None else bounds
    try:
        low, high = (np.asarray(bound, "float32") for bound in given)
        fits = all(np.broadcast_shapes(each.shape, shape) == shape for each in (low, high))
    except (TypeError, ValueError) as error:
        raise ValueError(message("bounds", bounds, expected)) from error
    if not fits or not np.all(low <= high):
        raise ValueError(message("bounds", bounds, expected))
    return low, high


def _rounded(values: np.ndarray, toward: float) -> np.ndarray:
    """Return float64 values as float32, rounded up or down."""
    nearest = values.astype("float32")
    beyond = nearest < values if toward > 0 else nearest > values
    return np.where(beyond, np.nextafter(nearest, np.float32(toward)), nearest)
