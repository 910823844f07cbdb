"""`MiniRocket`: features of series by fixed convolutions, for linear models and `mlp`."""

import math
from itertools import combinations
from typing import Any

import keras
import numpy as np
from keras import ops

from ...core.checks import check_bool, message
from .preprocessing import fit_standardization
from .series_features import check_series, with_standardized_features

_TAPS = 9
_KERNELS = np.array([*combinations(range(_TAPS), 3)])  # the taps of weight 2; the others have -1
_MAX_DILATIONS = 32
_GOLDEN = (1 + math.sqrt(5)) / 2
_FEATURES = 5000  # of the series and of its differences each
_TIE = 2e-5  # well above rounding: values equal to a quantile are not above the threshold


@keras.saving.register_keras_serializable(package="occam")
class MiniRocket(keras.layers.Layer):
    """The shares of time during which fixed convolutions of a series exceed thresholds.

        r_kd[t] = sum_j w_kj x[t + d (j - 4)],    y_kdi = mean_t (r_kd[t] > b_kdi)

    The 84 kernels `w_k` have 9 taps: 2 at three of them and -1 at the others, so their response to
    a constant is 0. Each is used with several dilations `d`, and each response has several
    thresholds. For half of the kernels the series is padded with zeros; for the others, the mean is
    over the steps around which the kernel lies within the series. The halves change from dilation
    to dilation. A kernel reads the sum of a subset of the channels, each with probability 1/2 in
    `load_data`; the paper draws fewer of many.

    Args:
        thresholds: The thresholds `b`: for each dilation, an array `(84, number)`.
        channels: The channels to read: for each dilation, an array of 0 and 1, `(84, channels)`.
        differences: Whether to take `x[t + 1] - x[t]` in place of `x[t]`.

    Shapes: `(batch, steps, channels)` to `(batch, features)`, in the order of dilations, halves,
    kernels and thresholds. It computes in float32 under any policy.

    Raises:
        ValueError: If the arrays do not have these shapes, or not the same dilations.

    Example: nothing exceeds 1 in a constant series.

    >>> layer = MiniRocket({1: np.ones((84, 2))}, {1: np.ones((84, 1))})
    >>> y = layer(np.full((1, 20, 1), 5.0))
    >>> y.shape, float(ops.max(y[:, 84:]))  # without padding
    (TensorShape([1, 168]), 0.0)

    Reference: Dempster, Schmidt & Webb, MiniRocket: A Very Fast (Almost) Deterministic Transform
    for Time Series Classification, 2021, https://arxiv.org/abs/2012.08791
    """

    def __init__(self, thresholds, channels, differences=False, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        check_bool("differences", differences)
        # The dilations are strings in JSON.
        self.thresholds = {int(d): np.asarray(b, "float32") for d, b in thresholds.items()}
        self.channels = {int(d): np.asarray(mask, "float32") for d, mask in channels.items()}
        self.differences = differences
        for name, arrays in (("thresholds", self.thresholds), ("channels", self.channels)):
            shapes = {dilation: array.shape for dilation, array in arrays.items()}
            correct = (d > 0 and len(s) == 2 and s[0] == len(_KERNELS) for d, s in shapes.items())
            if not (arrays and [*arrays] == [*self.thresholds] and all(correct)):
                expected = "an array (84, number) for each dilation >= 1, the same dilations"
                raise ValueError(message(name, shapes, expected))

    def call(self, inputs):
        x = inputs[:, 1:] - inputs[:, :-1] if self.differences else inputs
        counts, lengths = [], []
        for number, (dilation, thresholds) in enumerate(self.thresholds.items()):
            response = _responses(x, dilation, self.channels[dilation])
            for kernels, steps in _means(x.shape[1], dilation, number):
                part = response[kernels, :, steps]
                above = [
                    ops.sum(ops.cast(part > threshold[:, None, None], "float32"), axis=2)
                    for threshold in thresholds[kernels].T
                ]
                counts.append(ops.reshape(ops.stack(above, axis=1), (-1, ops.shape(x)[0])))
                lengths += [part.shape[2]] * thresholds[kernels].size
        return ops.transpose(ops.concatenate(counts)) / np.array(lengths, "float32")

    def compute_output_shape(self, input_shape):
        return (input_shape[0], sum(b.size for b in self.thresholds.values()))

    def get_config(self):
        def lists(arrays):
            return {str(dilation): array.tolist() for dilation, array in arrays.items()}

        config = {"thresholds": lists(self.thresholds), "channels": lists(self.channels)}
        return {**super().get_config(), **config, "differences": self.differences}


def fit_minirocket(
    split: Any, origin: str, *, features: int = _FEATURES, seed: int = 0
) -> keras.Model:
    """Return the model from series to standardized features of `MiniRocket`.

    Half of the features are of the series, and half of its differences, as in MultiRocket. Each
    feature is standardized by the part and divided by the square root of their number, so that the
    length of a row does not depend on it.

    Args:
        split: The raw training part, in memory.
        origin: The source of the data, for error messages.
        features: The number of features of the series and of its differences, rounded down to a
            multiple of 84.
        seed: The seed of the series whose responses give the thresholds, and of the channels.

    Raises:
        ValueError: If the part is no series of at least 10 steps, or not in memory.

    Reference: Tan, Dempster, Bergmeir & Webb, MultiRocket: Multiple Pooling Operators and
    Transformations for Fast and Effective Time Series Classification, 2022,
    https://arxiv.org/abs/2102.00457
    """
    check_series(split, origin, standardize="minirocket", steps=_TAPS + 1)
    standardize = fit_standardization(split, origin)
    rows = split.standardized(standardize).features
    random = np.random.default_rng(seed)
    layers = (
        _fit_thresholds(rows, features, random, name="minirocket"),
        _fit_thresholds(rows, features, random, differences=True, name="minirocket_differences"),
    )
    inputs = keras.Input(split.input_shape, name="series")
    x = standardize(inputs)
    joined = keras.layers.Concatenate(name="joined")([layer(x) for layer in layers])
    return with_standardized_features(split, inputs, joined, length=1, name="minirocket_features")


def _fit_thresholds(
    series: np.ndarray, features: int, random: np.random.Generator, *, differences=False, name: str
) -> MiniRocket:
    """Return the layer whose thresholds are quantiles of the response to a random series each.

    The quantiles are multiples of the golden ratio modulo 1, which fill (0, 1) evenly.
    """
    if differences:
        series = np.diff(series, axis=1)
    rows, steps, width = series.shape
    thresholds, channels, used = {}, {}, 0
    for number, (dilation, count) in enumerate(_dilations(steps, features // len(_KERNELS))):
        mask = random.integers(0, 2, (len(_KERNELS), width)).astype("float32")
        mask[mask.sum(axis=1) == 0] = 1
        values = np.empty((len(_KERNELS), count))
        for kernels, inside in _means(steps, dilation, number):
            for kernel in range(len(_KERNELS))[kernels]:
                row = series[random.integers(rows)][None]
                one = slice(kernel, kernel + 1)
                response = _responses(row, dilation, mask[one], _KERNELS[one], module=np)
                quantiles = np.arange(used + 1, used + count + 1) * _GOLDEN % 1
                values[kernel] = np.quantile(response[0, 0, inside], quantiles) + _TIE
                used += count
        thresholds[dilation], channels[dilation] = values, mask
    return MiniRocket(thresholds, channels, differences, name=name)


def _responses(
    x: Any, dilation: int, channels: np.ndarray, kernels: Any = _KERNELS, *, module: Any = ops
) -> Any:
    """Return the responses of kernels, `(kernels, batch, steps)`, to series padded with zeros.

    The sum over the taps is written out, in place of a convolution, whose last digits depend on
    the library and the size of the batch: a comparison with a threshold would turn out otherwise.
    For the same reason nothing is divided: TensorFlow's graphs multiply by the inverse. `module`
    is `keras.ops` for tensors, or `numpy`, which is faster for a single series.
    """
    steps, reach = x.shape[1], dilation * (_TAPS // 2)
    padded = module.pad(x, ((0, 0), (reach, reach), (0, 0)))
    taps = [padded[:, j * dilation : j * dilation + steps] for j in range(_TAPS)]
    total: Any = sum(taps[1:], taps[0])
    stacked = module.stack(taps)  # (taps, batch, steps, channels)
    # Along the first axis, whole arrays are copied, which is faster than along another.
    first, second, third = (module.take(stacked, column, axis=0) for column in kernels.T)
    response = 3.0 * (first + second + third) - total[None]
    if channels.shape[1] == 1 and channels.all():
        return response[..., 0]
    return module.sum(response * channels[:, None, None], axis=-1)


def _means(steps: int, dilation: int, number: int) -> tuple[tuple[slice, slice], ...]:
    """Return the two halves of the kernels, each with the steps that its means are over."""
    reach = dilation * (_TAPS // 2)
    padded, others = slice(number % 2, None, 2), slice(1 - number % 2, None, 2)
    return (padded, slice(None)), (others, slice(reach, steps - reach))


def _dilations(steps: int, thresholds: int) -> list[tuple[int, int]]:
    """Return dilations, up to the one that spans the series, with a number of thresholds each.

    The exponents of the dilations are equally spaced. Where several are rounded down to the same
    dilation, it has as many more thresholds.
    """
    number = min(thresholds, _MAX_DILATIONS)
    exponents = np.linspace(0, math.log2((steps - 1) / (_TAPS - 1)), number)
    dilations, counts = np.unique(np.floor(2**exponents).astype(int), return_counts=True)
    shares = counts * thresholds // number
    shares[: thresholds - shares.sum()] += 1
    return [*zip(dilations.tolist(), shares.tolist(), strict=True)]
