"""`RobustScale`: scale features by quartiles of the training part, and bound outliers."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ...core.checks import check_number, message
from ..tasks import DataError
from .split import ArraySplit

_SATURATED = 1e6  # z / sqrt(1 + z^2) is exactly 1 in float32 from here on; z^2 would overflow


@keras.saving.register_keras_serializable(package="occam")
class RobustScale(keras.layers.Layer):
    """Scale each feature, and bound it smoothly.

        z = scale * (x - center)
        y = z / sqrt(1 + (z / clip)^2)

    `y` is close to `z` for small `z`, and between `-clip` and `clip` for any `x`: an outlier moves
    neither the scale of the others nor the model far. NaN stays NaN.

    Args:
        center: The center of each feature, usually its median.
        scale: The factor of each feature, usually one over its interquartile range.
        clip: The bound of the outputs, a positive number.

    Shapes: `(..., features)`, unchanged. It computes in float32 under any policy.

    Example: the quartiles of the first feature are 1 and 3.

    >>> layer = RobustScale(center=[2.0], scale=[1 / 2])
    >>> [round(float(y), 3) for y in layer(np.array([1.0, 2.0, 1e30]))]
    [-0.493, 0.0, 3.0]

    Reference: Holzmüller, Grinsztajn & Steinwart, Better by Default: Strong Pre-Tuned MLPs and
    Boosted Trees on Tabular Data, 2024, section 3.1, https://arxiv.org/abs/2407.04491
    """

    def __init__(self, center, scale, clip=3.0, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        check_number("clip", clip, "(0, inf)")
        self.center = [float(value) for value in center]
        self.scale = [float(value) for value in scale]
        if len(self.scale) != len(self.center):
            expected = f"as many values as `center`, {len(self.center)}"
            raise ValueError(message("scale", self.scale, expected))
        self.clip = float(clip)

    def call(self, inputs):
        center = ops.convert_to_tensor(np.array(self.center, "float32"))
        scale = ops.convert_to_tensor(np.array(self.scale, "float32") / np.float32(self.clip))
        z = ops.clip(scale * (inputs - center), -_SATURATED, _SATURATED)
        return self.clip * z / ops.sqrt(1.0 + ops.square(z))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"center": self.center, "scale": self.scale, "clip": self.clip}
        return {**super().get_config(), **config}


def fit_robust_scale(split: Any, origin: str, name: str | None = None) -> RobustScale:
    """Return the `RobustScale` of the medians and quartiles over all but the last axis.

    Args:
        split: The raw training part, in memory.
        origin: The source of the data, for error messages.
        name: The input to scale, if there are several.

    Raises:
        ValueError: If the part is not in memory: quartiles need all values at once.
        DataError: If a feature is not finite, or its scale is beyond float32.
    """
    if not isinstance(split, ArraySplit):
        raise ValueError(
            f"`standardize` must be True or False for {origin}, which does not fit in memory or is "
            "a dataset of batches. Received: standardize='robust'"
        )
    features = split.features[name] if name else split.features
    rows = features.reshape(-1, features.shape[-1])
    if not np.isfinite(rows).all():
        raise DataError(f"{origin}: features must be finite float32. Received: NaN or inf.")
    names = [f"feature {number}" for number in range(rows.shape[1])]
    return robust_scale(rows, names, origin, f"{name}_robust_scale" if name else "robust_scale")


def robust_scale(
    rows: np.ndarray, names: Sequence[str], origin: str, layer_name: str
) -> RobustScale:
    """Return the layer for columns `(samples, features)`, whose missing values are NaN.

        center = q_50,    scale = 1 / (q_75 - q_25)

    where `q_p` are percentiles. If the quartiles are equal, the scale is `2 / (max - min)`, and of
    a constant feature it is 0. `names` are those of the columns, for error messages.
    """
    rows = rows.astype("float32").astype("float64")  # the layer gets float32
    low, lower, center, upper, high = np.nanpercentile(rows, (0, 25, 50, 75, 100), axis=0)
    rounding = np.finfo("float32").eps * np.abs(center)  # differences below are no differences
    spread = np.where(upper - lower > rounding, upper - lower, (high - low) / 2)
    scale = np.zeros_like(spread)
    np.divide(1.0, spread, out=scale, where=spread > rounding)
    limits = np.finfo("float32")
    if (beyond := (scale > limits.max) | ((scale < limits.tiny) & (scale > 0))).any():
        feature = int(np.argmax(beyond))
        raise DataError(
            f"{origin}: the interquartile range of a feature must be from 1e-38 to 1e38. Received: "
            f"{spread[feature]:.3g} for {names[feature]}. Rescale it."
        )
    return RobustScale(center.tolist(), scale.tolist(), name=layer_name)
