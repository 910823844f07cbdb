"""Shared parts of the preprocessings that turn series into features."""

from typing import Any

import keras
import numpy as np

from .split import ArraySplit

_CONSTANT = 1e-12  # a variance below is that of a constant feature


def check_series(split: Any, origin: str, *, standardize: str, steps: int) -> None:
    """Raise a `ValueError` unless a part is series of at least so many steps, in memory."""
    shape = split.input_shape
    series = isinstance(split, ArraySplit) and isinstance(shape, tuple) and len(shape) == 2
    if not series or shape[0] < steps:
        raise ValueError(
            "`standardize` must be True, False or 'robust' unless the features are series (steps, "
            f"channels) of at least {steps} steps, in memory. "
            f"Received: standardize={standardize!r} for {origin}, features of shape {shape}"
        )


def with_standardized_features(
    split: Any, inputs: Any, features: Any, *, length: float | None = None, name: str
) -> keras.Model:
    """Return the model from `inputs` to `features`, standardized by a part.

    A feature that is constant there keeps its scale.

    Args:
        split: The raw training part.
        inputs: The symbolic input of the series.
        features: The symbolic features `(batch, number)`.
        length: The root mean square length of a row, by default the square root of `number`.
        name: The name of the model.
    """
    values = split.standardized(keras.Model(inputs, features)).features
    mean, variance = values.mean(axis=0, dtype="float64"), values.var(axis=0, dtype="float64")
    variance = np.where(variance > _CONSTANT, variance, 1.0)
    if length is not None:
        variance = variance * values.shape[1] / length**2
    scale = keras.layers.Normalization(
        mean=mean.tolist(),
        variance=variance.tolist(),
        dtype="float32",
        name="feature_standardization",
    )
    return keras.Model(inputs, scale(features), name=name)
