"""`corrupt`: the common faults of tables, series and images, in five severities."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ...core.checks import check_integer, check_one_of, message
from .ball import parse_bounds

SEVERITIES = (1, 2, 3, 4, 5)
_EXTREME = 3.0  # standard deviations, of impulse noise
_BLUR_SIZE = {"series": 40, "images": 32}  # up to here, blur is in steps or pixels; then relative
_KINDS_OF_DATA = {2: "tables", 3: "series", 4: "images"}


def corrupt(x: Any, kind: str, severity: int, seed: int = 0, *, bounds: Any = None) -> np.ndarray:
    """Return samples with a fault of standardized features, as it happens without an adversary.

    The rank of the samples tells whether they are rows of a table `(n, columns)`, series `(n,
    steps, channels)` or images `(n, height, width, channels)`. The strengths are for features with
    a mean of 0 and a standard deviation of 1, so that 0 is what a missing value is replaced by:

    ==========  ======================  ==========================  ===========================
    kind        of                      what                        strengths
    ==========  ======================  ==========================  ===========================
    noise       all                     Gaussian noise              0.2, 0.4, 0.6, 0.8, 1.0
    impulse     all                     a share of -3 and 3         2, 5, 10, 15, 25%
    missing     tables, series          a share of 0; in a series   5, 10, 20, 30, 40%
                                        one interval of steps
    offset      tables                  each column up or down      0.2, 0.4, 0.6, 0.8, 1.0
    scale       tables, series          each column or channel      1.2, 1.4, 1.6, 1.8, 2.0
                                        times or by a factor
    smoothing   series                  a Gaussian filter in time   0.5, 1, 1.5, 2, 3 steps
    drift       series                  a line from 0, up or down   0.5, 1, 1.5, 2, 3
    shift       series, images          left or right, up or down   5, 10, 15, 20, 25%
    blur        images                  a Gaussian filter           0.4, 0.6, 0.8, 1, 1.5 pixels
    contrast    images                  the distance to the mean    x 0.75, 0.5, 0.4, 0.3, 0.15
                                        of the image is reduced
    brightness  images                  added everywhere            0.2, 0.4, 0.6, 0.8, 1.0
    occlusion   images                  a square of 0               5, 10, 20, 30, 40%
    ==========  ======================  ==========================  ===========================

    The filters are wider for more than 40 steps or 32 pixels, in proportion. A shift is rounded
    up to whole steps or pixels, and what it leaves empty gets the value at the border. `offset`
    is the same for all samples, as of an instrument that is not calibrated; all else is drawn
    for each sample. All severities have the same random numbers: the noise becomes stronger,
    and the missing values become more.

    Args:
        x: The samples, floats without missing values.
        kind: A kind of `list_corruptions`.
        severity: 1 to 5.
        seed: The seed of the random numbers.
        bounds: The valid values `(low, high)` to which the result is clipped; see `fgsm`.

    Returns:
        An array of the same shape, float32.

    Raises:
        ValueError: If the samples have another rank, or an argument is out of range.

    Example:

    >>> corrupt(np.ones((2, 4, 4, 1)), "brightness", 5).max()
    np.float32(2.0)
    >>> float((corrupt(np.ones((1, 10, 1)), "missing", 4) == 0).sum())
    3.0

    Reference: Hendrycks & Dietterich, Benchmarking Neural Network Robustness to Common Corruptions
    and Perturbations, 2019, https://arxiv.org/abs/1903.12261
    """
    x = np.asarray(x)
    data = _data(x.ndim)
    check_one_of("kind", kind, list_corruptions(x.ndim))
    check_integer("severity", severity, 1, 5)
    check_integer("seed", seed, minimum=0)
    if x.dtype.kind not in "iuf" or not np.isfinite(x).all():
        raise ValueError(message("x", x, "finite numbers"))
    low, high = parse_bounds(bounds, x.shape[1:])
    strength = CORRUPTIONS[kind].strengths[severity - 1]
    generator = np.random.default_rng(seed)
    found = CORRUPTIONS[kind].function(x.astype("float32"), strength, generator, data)
    return np.clip(found.astype("float32"), low, high)


def list_corruptions(rank: int) -> tuple[str, ...]:
    """Return the kinds for samples whose arrays have a rank of 2, 3 or 4.

    >>> list_corruptions(2)
    ('noise', 'impulse', 'missing', 'offset', 'scale')
    """
    check_integer("rank", rank, 2, 4)
    data = _data(rank)
    return tuple(kind for kind, corruption in CORRUPTIONS.items() if data in corruption.of)


def _data(rank: int) -> str:
    if rank not in _KINDS_OF_DATA:
        expected = "an array of rank 2 (tables), 3 (series) or 4 (images)"
        raise ValueError(f"`x` must be {expected}. Received: rank {rank}")
    return _KINDS_OF_DATA[rank]


def _noise(x: np.ndarray, strength: float, generator: np.random.Generator, data: str) -> np.ndarray:
    return x + strength * generator.normal(size=x.shape)


def _impulse(
    x: np.ndarray, strength: float, generator: np.random.Generator, data: str
) -> np.ndarray:
    hit = generator.uniform(size=x.shape) < strength
    return np.where(hit, _EXTREME * _signs(generator, x.shape), x)


def _missing(
    x: np.ndarray, strength: float, generator: np.random.Generator, data: str
) -> np.ndarray:
    if data == "tables":
        return np.where(generator.uniform(size=x.shape) < strength, 0.0, x)
    return np.where(_box(x.shape, strength, generator), 0.0, x)


def _offset(
    x: np.ndarray, strength: float, generator: np.random.Generator, data: str
) -> np.ndarray:
    return x + strength * _signs(generator, x.shape[1:])


def _scale(x: np.ndarray, strength: float, generator: np.random.Generator, data: str) -> np.ndarray:
    shape = (len(x), *[1] * (x.ndim - 2), x.shape[-1])
    return x * strength ** _signs(generator, shape)


def _smooth(
    x: np.ndarray, strength: float, generator: np.random.Generator, data: str
) -> np.ndarray:
    for axis in range(1, x.ndim - 1):
        width = strength * max(1.0, x.shape[axis] / _BLUR_SIZE[data])
        x = gaussian_filter1d(x, width, axis=axis, mode="nearest")
    return x


def _drift(x: np.ndarray, strength: float, generator: np.random.Generator, data: str) -> np.ndarray:
    line = np.linspace(0, strength, x.shape[1])[:, None]
    return x + line * _signs(generator, (len(x), 1, x.shape[-1]))


def _shift(x: np.ndarray, strength: float, generator: np.random.Generator, data: str) -> np.ndarray:
    for axis in range(1, x.ndim - 1):
        size = x.shape[axis]
        by = np.ceil(strength * size) * _signs(generator, (len(x), 1))
        source = np.clip(np.arange(size) - by, 0, size - 1).astype(int)
        x = np.take_along_axis(x, source.reshape(_along(axis, source, x.ndim)), axis=axis)
    return x


def _contrast(
    x: np.ndarray, strength: float, generator: np.random.Generator, data: str
) -> np.ndarray:
    mean = x.mean(axis=(1, 2), keepdims=True)
    return mean + strength * (x - mean)


def _brightness(
    x: np.ndarray, strength: float, generator: np.random.Generator, data: str
) -> np.ndarray:
    return x + strength


def _signs(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.choice(np.array([-1.0, 1.0]), shape)


def _along(axis: int, values: np.ndarray, rank: int) -> list[int]:
    """Return the shape in which values `(n, size)` of an axis broadcast to samples."""
    return [len(values), *(values.shape[1] if i == axis else 1 for i in range(1, rank))]


def _box(shape: tuple[int, ...], share: float, generator: np.random.Generator) -> np.ndarray:
    """Return an interval or square of a share of the positions of each sample, as a mask."""
    mask = np.ones((shape[0], *[1] * (len(shape) - 1)), bool)
    axes = range(1, len(shape) - 1)
    for axis in axes:
        size = shape[axis]
        length = max(round(size * share ** (1 / len(axes))), 1)
        start = np.floor(generator.uniform(size=(shape[0], 1)) * (size - length + 1))
        inside = (np.arange(size) >= start) & (np.arange(size) < start + length)
        mask = mask & inside.reshape(_along(axis, inside, len(shape)))
    return mask


class _Corruption(NamedTuple):
    function: Callable[[np.ndarray, float, np.random.Generator, str], np.ndarray]
    of: tuple[str, ...]
    strengths: tuple[float, float, float, float, float]


_ALL, _NOT_IMAGES = ("tables", "series", "images"), ("tables", "series")
CORRUPTIONS: dict[str, _Corruption] = {
    "noise": _Corruption(_noise, _ALL, (0.2, 0.4, 0.6, 0.8, 1.0)),
    "impulse": _Corruption(_impulse, _ALL, (0.02, 0.05, 0.1, 0.15, 0.25)),
    "missing": _Corruption(_missing, _NOT_IMAGES, (0.05, 0.1, 0.2, 0.3, 0.4)),
    "offset": _Corruption(_offset, ("tables",), (0.2, 0.4, 0.6, 0.8, 1.0)),
    "scale": _Corruption(_scale, _NOT_IMAGES, (1.2, 1.4, 1.6, 1.8, 2.0)),
    "smoothing": _Corruption(_smooth, ("series",), (0.5, 1.0, 1.5, 2.0, 3.0)),
    "drift": _Corruption(_drift, ("series",), (0.5, 1.0, 1.5, 2.0, 3.0)),
    "shift": _Corruption(_shift, ("series", "images"), (0.05, 0.1, 0.15, 0.2, 0.25)),
    "blur": _Corruption(_smooth, ("images",), (0.4, 0.6, 0.8, 1.0, 1.5)),
    "contrast": _Corruption(_contrast, ("images",), (0.75, 0.5, 0.4, 0.3, 0.15)),
    "brightness": _Corruption(_brightness, ("images",), (0.2, 0.4, 0.6, 0.8, 1.0)),
    "occlusion": _Corruption(_missing, ("images",), (0.05, 0.1, 0.2, 0.3, 0.4)),
}
