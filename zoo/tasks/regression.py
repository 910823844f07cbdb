"""`Regression`: one or more real targets."""

from dataclasses import dataclass

import keras
import numpy as np

from ..losses import StandardizedSquaredError
from .task import DataError, Task

_RESOLUTION = 1e-4  # of a standard deviation, as a share of the mean, in float32


@dataclass(frozen=True)
class Regression(Task):
    """Real targets; the outputs are values in their units.

    Targets are `(n,)` or `(n, targets)`, encoded as float32 `(n, targets)` in their units. The loss
    is the squared error of the standardized targets, so a model that predicts the mean has a loss
    of about 1 in any units:

        loss = mean_k ((y_k - f_k(x)) / s_k)^2

    A zoo model computes standardized values, and its last layer gives them back in their units,
    `f = mean + s h`.

    Args:
        names: The name of each target.
        mean: The mean of each target in the training part.
        scale: The standard deviation of each target in the training part.

    Example:

    >>> task = Regression.fit(np.array([1.0, 3.0]), "y", ["price"])
    >>> task
    Regression(names=('price',), mean=(2.0,), scale=(1.0,))
    >>> task.scores(np.array([[1.0], [3.0]]), np.array([[1.5], [2.5]]))
    {'mae': 0.5, 'rmse': 0.5, 'r2': 0.75}
    """

    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)

    kind = "regression"
    metric = "r2"
    scores_up = ("r2",)
    head_name = "standardized"

    @classmethod
    def fit(cls, targets, field, names=None):
        values = _values(targets, field)
        mean, scale = values.mean(axis=0), values.std(axis=0)
        width = values.shape[1]
        names = names or (["target"] if width == 1 else [f"target_{k}" for k in range(width)])
        for name, center, deviation in zip(names, mean, scale, strict=True):
            if deviation == 0:
                raise DataError(
                    f"{field}: target {name!r} must vary. Received: {center:g} in every sample."
                )
            if deviation < _RESOLUTION * abs(center):
                raise DataError(
                    f"{field}: target {name!r} varies too little for float32: mean {center:g}, "
                    f"standard deviation {deviation:g}. Subtract a constant from it."
                )
        return cls(tuple(map(str, names)), tuple(mean.tolist()), tuple(scale.tolist()))

    def refit(self, encoded):
        return self.fit(encoded, "targets of the training part", self.names)

    def encode(self, targets, field):
        values = _values(targets, field)
        if values.shape[1] != self.units:
            raise DataError(
                f"{field}: targets must have {self.units} columns. Received: shape {targets.shape}."
            )
        return values.astype("float32")

    def decode(self, encoded):
        return encoded[:, 0] if self.units == 1 else encoded

    def strata(self, encoded):
        return None

    def outputs(self, head):
        variance = np.square(self.scale).tolist()
        return keras.layers.Normalization(
            mean=list(self.mean), variance=variance, invert=True, dtype="float32", name="values"
        )(head)

    def loss(self):
        return StandardizedSquaredError(self.scale)

    def metrics(self):
        return [
            keras.metrics.R2Score(name="r2"),
            keras.metrics.MeanAbsoluteError("mae"),
            keras.metrics.RootMeanSquaredError("rmse"),
        ]

    def scores(self, y, outputs):
        y, outputs = np.asarray(y, "float64"), np.asarray(outputs, "float64")
        errors = outputs - y
        variance = y.var(axis=0)
        explained = 1 - np.mean(errors**2, axis=0) / np.where(variance > 0, variance, np.nan)
        return {
            "mae": float(np.abs(errors).mean()),
            "rmse": float(np.sqrt(np.mean(errors**2))),
            "r2": float(np.nan_to_num(explained).mean()),
        }

    def baseline(self, y):
        return np.asarray(y, "float64").mean(axis=0)

    def baseline_loss(self, y, sample_weight=None):
        return self.loss().baseline(y, sample_weight)

    def summary(self, parts):
        columns = [
            [f"{mean:.4g} ± {std:.4g}" for mean, std in zip(y.mean(0), y.std(0), strict=True)]
            for y in (np.asarray(part, "float64") for part in parts.values())
        ]
        return [("target", *parts), *zip(self.names, *columns, strict=True)]


def _values(targets: np.ndarray, field: str) -> np.ndarray:
    """Return finite targets as float64 `(n, targets)`."""
    if targets.dtype.kind not in "biuf" or targets.ndim not in (1, 2):
        raise DataError(
            f"{field}: the targets of regression must be real numbers of shape (samples,) or "
            f"(samples, targets). Received: shape {targets.shape} of {targets.dtype}."
        )
    values = targets.astype("float64").reshape(len(targets), -1)
    finite = np.isfinite(values.astype("float32"))
    if not finite.all():
        place = np.argwhere(~finite)[0].tolist()
        raise DataError(
            f"{field}: the targets of regression must be finite float32. "
            f"Received: {values[tuple(place)]} at {place}."
        )
    return values
