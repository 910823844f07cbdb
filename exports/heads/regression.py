"""`RegressionHead`: real targets in their units, with conformal intervals on request."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import ExportError
from .conformal import least_covered
from .head import Agreement, Head

_SCALED = ("values", "intervals", "mean", "standard_deviation")


@dataclass(frozen=True)
class RegressionHead(Head):
    """One or more real targets; the outputs are values in their units.

    Answers: `values`, float32 `(n, targets)`, the outputs of the model; with `coverage` also
    `intervals`, float32 `(n, targets, 2)`, the lower and the upper end.

    Args:
        names: The name of each target.
        coverage: The share of targets that the intervals cover, or None for no intervals.
        half_widths: Half the width of the interval of each target.
        calibration_rows: The number of rows that `half_widths` were fitted on.
    """

    coverage: float | None = None
    half_widths: tuple[float, ...] = ()
    calibration_rows: int = 0

    task = "regression"
    title = "Targets"
    noun = "regression"

    def numbers(self, outputs):
        values = tf.cast(outputs[0], tf.float32)
        if self.coverage is None:
            return {"values": values}
        width = tf.constant(self.half_widths, tf.float32)
        return {"values": values, "intervals": tf.stack([values - width, values + width], axis=-1)}

    def uncertainty(self, passes):
        mean, variance = tf.nn.moments(passes, axes=[1])
        return {"mean": mean, "standard_deviation": tf.sqrt(variance)}

    def limit(self, answers, name, relative):
        """Return a limit relative to the largest value of each target, as units differ."""
        if name not in _SCALED:
            return super().limit(answers, name, relative)
        scaled = answers["mean" if name == "standard_deviation" else name]
        axes = tuple(axis for axis in range(scaled.ndim) if axis != 1)
        sizes = np.where(np.isfinite(scaled), np.abs(scaled), 0)
        return relative * sizes.max(axis=axes, keepdims=True, initial=0)

    def problem(self, answers):
        values = answers["values"]
        if not np.isfinite(values).all():
            wrong = np.sum(~np.isfinite(values))
            return f"model.predict must return finite values. Received: {wrong} that are not"
        return None

    def targets(self, data):
        targets = real_targets("data", data, len(self.names))
        spreads = zip(self.names, np.ptp(targets, axis=0), strict=True)
        if constant := [name for name, spread in spreads if spread == 0]:
            raise ExportError(f"`data` must have targets that vary. Received: constant {constant}")
        return targets

    def scores(self, answers, targets):
        errors = answers["values"].astype("float64") - targets
        return {
            "r2": float(np.mean(1 - np.mean(errors**2, axis=0) / targets.var(axis=0))),
            "rmse": float(np.sqrt(np.mean(errors**2))),
            "mae": float(np.mean(np.abs(errors))),
        }

    def compares_with(self, other):
        return super().compares_with(other) and self.names == other.names

    def drops(self, checks):
        return {"r2": checks.max_r2_drop}

    def agreement(self, answers, right, targets, checks):
        """Return the R2 of the answers as predictions of the model's values."""
        ours, model = (a["values"].astype("float64") for a in (answers, right))
        spread = np.maximum(model.var(axis=0), np.finfo("float64").tiny)
        share = float(np.min(1 - np.mean((ours - model) ** 2, axis=0) / spread))
        return Agreement(
            {"agreement": share},
            f"an R2 of {share:.4f}",
            f"The values must have an R2 of at least {checks.min_agreement:g} with the model's",
            share >= checks.min_agreement,
        )

    def coverage_of(self, answers, targets):
        """Return the covered share of each target, and the smallest count to accept."""
        if self.coverage is None:
            return None
        ends = answers["intervals"].astype("float64")
        inside = (targets >= ends[..., 0]) & (targets <= ends[..., 1])
        shares = dict(zip(self.names, inside.mean(axis=0).tolist(), strict=True))
        known, count = self.calibration_rows, len(self.names)
        return shares, least_covered(len(targets), known, self.coverage, count)


def real_targets(argument: str, data: Any, width: int) -> np.ndarray:
    """Return finite targets as float64 `(n, targets)`, or raise a `ValueError`."""
    targets = np.asarray(data)
    if targets.ndim == 1 and width == 1:
        targets = targets[:, None]
    numbers = targets.dtype.kind in "biuf" and targets.ndim == 2 and targets.shape[1] == width
    if not numbers or not np.isfinite(targets).all():
        given = np.asarray(data)
        raise ValueError(
            f"`{argument}` must have finite targets of shape (n, {width}). "
            f"Received: {given.dtype} of shape {given.shape}"
        )
    return targets.astype("float64")
