"""Preprocessing, fitted to the training part: the scale of each array of features."""

from typing import Any

import keras
import numpy as np

from ..tasks import DataError
from .robust_scale import fit_robust_scale
from .split import Split

_CHUNK = 1024  # examples in a step of the pass over the training part


def fit_preprocessing(split: Split, origin: str, *, robust: bool = False) -> keras.layers.Layer:
    """Return the layer that standardizes each array of features.

    For one array this is a `Normalization`, or a `RobustScale` if `robust`; for several by name, a
    model of one for each.

    Raises:
        DataError: As `fit_standardization` and `fit_robust_scale`.
    """
    fit = fit_robust_scale if robust else fit_standardization
    if not isinstance(split.input_shape, dict):
        return fit(split, origin)
    inputs = {name: keras.Input(shape, name=name) for name, shape in split.input_shape.items()}
    outputs = {name: fit(split, origin, name)(tensor) for name, tensor in inputs.items()}
    return keras.Model(inputs, outputs, name="standardization")


def fit_standardization(
    split: Split, origin: str, name: str | None = None
) -> keras.layers.Normalization:
    """Return the layer that standardizes over the last axis.

        y = (x - mean) / sqrt(variance)

    with one mean and variance for each feature of a table, or channel of a series or image. A
    constant feature gets variance 1, so a change at serving time is not multiplied by 1e7.

    Args:
        split: The raw training part (never validation or test).
        origin: The source of the data, for error messages.
        name: The input to standardize, if there are several.

    Raises:
        DataError: If a feature is not finite, or its variance exceeds float32.
    """
    mean, variance = _moments(split, origin, name)
    # Below float32's resolution of the mean, the variance is rounding noise.
    constant = variance <= (np.finfo("float32").eps * mean) ** 2
    variance[constant] = 1.0
    too_large = np.flatnonzero(variance > np.finfo("float32").max)
    if too_large.size:
        raise DataError(
            f"{origin}: the variance of a feature must fit float32 (at most 3.4e38). Received: "
            f"{variance[too_large[0]]:.3g} for feature {too_large[0]}. Rescale it."
        )
    # float32 under any global policy: in half precision, large features lose their variation.
    layer = keras.layers.Normalization(
        mean=mean.tolist(),
        variance=variance.tolist(),
        dtype="float32",
        name=f"{name}_standardization" if name else "standardization",
    )
    shape: Any = split.input_shape
    layer.build((None, *(shape[name] if name else shape)))
    return layer


def _moments(split: Split, origin: str, name: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance over all but the last axis, from one pass in float64.

    Chunks are merged as in Chan et al., Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances, 1979: no cancellation, however large the mean is.
    """
    shape: Any = split.input_shape
    channels = (shape[name] if name else shape)[-1]
    count, mean, scatter = 0, np.zeros(channels), np.zeros(channels)
    for batch in split.batches(_CHUNK).as_numpy_iterator():
        features = batch[0][name] if name else batch[0]
        if not np.isfinite(features).all():
            raise DataError(f"{origin}: features must be finite float32. Received: NaN or inf.")
        rows = features.reshape(-1, channels).astype("float64")
        total = count + len(rows)
        shift = rows.mean(axis=0) - mean
        scatter += rows.var(axis=0) * len(rows) + shift**2 * count * len(rows) / total
        mean += shift * len(rows) / total
        count = total
    return mean, scatter / count
