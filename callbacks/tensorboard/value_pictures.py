"""`ValuePictures`: pictures of the predictions of a regression."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import summaries
from .pictures import Pictures, gallery
from .summaries import new_figure

_PANELS = 9  # targets with a picture each


class ValuePictures(Pictures):
    """Predicted against true values, residuals, and the samples with the largest ones.

    Targets and predictions are values `(samples, targets)`; residual = true - predicted.
    """

    def targets(self, y, argument):
        values = y.reshape(len(y), -1).astype("float64")
        if y.ndim > 2 or not np.isfinite(values).all():
            raise ValueError(
                f"The targets of `{argument}` must be finite numbers (samples,) or (samples, "
                f"targets). Received: shape {y.shape}, {np.sum(~np.isfinite(values))} not finite"
            )
        return values

    def predictions(self, outputs, loss, from_logits):
        return outputs

    def default_names(self, columns):
        return ["target"] if columns == 1 else [f"target {number}" for number in range(columns)]

    def texts(self, y, names):
        return ["\n".join(f"{value:.4g}" for value in row) for row in y]

    def table(self, y, p, names):
        columns = {}
        for name, true, predicted in zip(names, y.T, p.T, strict=True):
            columns[name] = [f"{value:.6g}" for value in true]
            columns[f"predicted {name}"] = [f"{value:.6g}" for value in predicted]
        return columns

    def draw(self, x, y, p, names):
        made = {
            "predicted_true": predicted_true(y, p, names),
            "residuals": residuals(y, p, names),
            "residual_histogram": residual_histogram(y, p, names),
            "mistakes": mistakes(x, y, p, names),
        }
        return [summaries.figure(f"predictions/{name}", figure) for name, figure in made.items()]


def predicted_true(y: np.ndarray, p: np.ndarray, names: Sequence[str]) -> Any:
    """Return a figure of true over predicted values, with R2 and the mean absolute error."""

    def draw(axes, true, predicted):
        ends = min(true.min(), predicted.min()), max(true.max(), predicted.max())
        axes.plot(ends, ends, color="gray", linestyle="--", linewidth=1)
        axes.scatter(predicted, true, s=9, alpha=0.5, linewidths=0)
        axes.set(xlabel="predicted", ylabel="true")
        errors, variance = true - predicted, true.var()
        r2 = f"R2 {1 - np.mean(errors**2) / variance:.3f}, " if variance else ""
        return f"{r2}MAE {np.abs(errors).mean():.3g}"

    return _panels(y, p, names, draw)


def residuals(y: np.ndarray, p: np.ndarray, names: Sequence[str]) -> Any:
    """Return a figure of residuals over predicted values."""

    def draw(axes, true, predicted):
        axes.axhline(0, color="gray", linestyle="--", linewidth=1)
        axes.scatter(predicted, true - predicted, s=9, alpha=0.5, linewidths=0)
        axes.set(xlabel="predicted", ylabel="true - predicted")
        return f"RMSE {np.sqrt(np.mean((true - predicted) ** 2)):.3g}"

    return _panels(y, p, names, draw)


def residual_histogram(y: np.ndarray, p: np.ndarray, names: Sequence[str]) -> Any:
    """Return a figure of the distribution of residuals."""

    def draw(axes, true, predicted):
        errors = true - predicted
        axes.hist(errors, bins=min(30, max(5, len(errors) // 10)), color="tab:blue")
        axes.axvline(0, color="gray", linestyle="--", linewidth=1)
        axes.set(xlabel="true - predicted", ylabel="samples")
        return f"mean {errors.mean():.3g}, deviation {errors.std():.3g}"

    return _panels(y, p, names, draw)


def mistakes(x: np.ndarray, y: np.ndarray, p: np.ndarray, names: Sequence[str]) -> Any:
    """Return a figure of the samples with the largest residuals, in standard deviations of y."""
    scale = y.std(axis=0)
    errors = np.abs(y - p) / np.where(scale > 0, scale, 1.0)
    worst = errors.argmax(axis=1)  # the target of each sample
    captions = [
        (f"{names[k]}: " if len(names) > 1 else "") + f"{true[k]:.4g}\npredicted {guess[k]:.4g}"
        for true, guess, k in zip(y, p, worst.tolist(), strict=True)
    ]
    order = np.argsort(-errors.max(axis=1), kind="stable")
    return gallery(x, {"largest residuals": (order, captions)})


def _panels(
    y: np.ndarray,
    p: np.ndarray,
    names: Sequence[str],
    draw: Callable[[Any, np.ndarray, np.ndarray], str],
) -> Any:
    """Return a figure of a panel for each target; `draw` returns the end of its title."""
    shown = min(len(names), _PANELS)
    columns = min(shown, 3)
    rows = -(-shown // columns)
    figure = new_figure(3.4 * columns, 3.3 * rows)
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name, true, predicted in zip(places, names, y.T, p.T, strict=False):
        axes.set_title(f"{name}: {draw(axes, true, predicted)}", fontsize=9)
    for axes in places[shown:]:
        axes.set_axis_off()
    if shown < len(names):
        figure.suptitle(f"first {shown} of {len(names)} targets", fontsize=9)
    return figure
