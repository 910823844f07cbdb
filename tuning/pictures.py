"""`draw`: the pictures of a search."""

import json
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras_tuner
import numpy as np
import optuna
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from optuna.distributions import FloatDistribution

if TYPE_CHECKING:
    from .choice import Tuning

_OFF = -0.2  # the position of a field that is off, below those of its range, 0 to 1
_BEYOND = 0.08  # how far outside of the range the positions of all values beyond it are
_MIN_TRIALS = 30  # for importances
_CHOSEN: dict[str, Any] = {
    "s": 110,
    "facecolors": "none",
    "edgecolors": "C3",
    "linewidths": 1.5,
    "label": "chosen",
    "zorder": 3,
}
_TICK_LABEL: dict[str, Any] = {
    "textcoords": "offset points",
    "va": "center",
    "fontsize": 7,
    "bbox": {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
}


@dataclass(frozen=True)
class Axis:
    """A searched value as the axis of a picture.

    Args:
        name: The name of the value.
        positions: That of each trial: 0 to 1 in the range of the search on its scale, just outside
            of it, or `_OFF`.
        ticks: The positions of the ticks, and their labels.
    """

    name: str
    positions: np.ndarray
    ticks: tuple[list[float], list[str]]


def draw(found: "Tuning", directory: Path) -> list[Path]:
    """Draw the pictures of a search as PNG files; see `Tuning.plot`."""
    trials, losses = [], []
    for candidate in found.candidates:
        runs = found.executions(candidate)[: found.folds]
        scores = np.array([np.nan if run.score is None else run.score for run in runs])
        if not np.isnan(scores).any():
            trials.append(candidate)
            losses.append(scores.mean())
    losses = np.array(losses)
    numbers = np.array([candidate.trial for candidate in trials])
    axes, is_chosen = _axes(found, trials), numbers == found.chosen.trial
    figures = {
        "history": _history(found.objective, numbers, losses, found.chosen.trial),
        "slices": _slices(found.objective, axes, losses, is_chosen),
        "parallel_coordinates": _parallel_coordinates(found.objective, axes, losses, is_chosen),
        "learning_curves": _learning_curves(found),
    }
    if len(losses) > 1:
        figures["importances"] = _importances(axes, losses)
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        paths.append(directory / f"{name}.png")
        figure.savefig(paths[-1], dpi=120)
    return paths


def _axes(found: "Tuning", trials: list[Any]) -> list[Axis]:
    """Return an axis for each field and hyperparameter of the search.

    The switches of `PenaltySpace` become a position of the field, "off".
    """
    state = json.loads((found.directory / "search.json").read_text())
    space = keras_tuner.HyperParameters.from_config(state["oracle"]["hyperparameters"])
    switches = {f"{name} on" for name in found.space}
    parameters = {
        each.name: each
        for each in space.space
        if each.name not in switches and type(each).__name__ != "Fixed"
    }
    axes = []
    for name, parameter in parameters.items():
        if name in found.space:
            values = [trial.regularization.on().get(name) for trial in trials]
        else:
            encoded = found.training.arguments.encoded if found.training else dict
            values = [encoded(trial.hyperparameters).get(name) for trial in trials]
        positions = [_OFF if v is None else _position(parameter, v) for v in values]
        ticks = {parameter.value_to_prob(tick): _label(tick) for tick in _ticks(parameter)}
        if None in values:
            ticks = {_OFF: "off" if name in found.space else "unset", **ticks}
        axes.append(Axis(name, np.array(positions), ([*ticks], [*ticks.values()])))
    return axes


def _position(parameter: Any, value: Any) -> float:
    """Return the position of a value; tiers may lie outside of the range of the search."""
    return min(max(float(parameter.value_to_prob(value)), -_BEYOND), 1 + _BEYOND)


def _ticks(parameter: Any) -> list[Any]:
    """Return the values at the ticks of a hyperparameter."""
    if type(parameter).__name__ not in ("Float", "Int"):
        return list(parameter.values)
    low, high = parameter.min_value, parameter.max_value
    if type(parameter).__name__ == "Int":
        locator = MaxNLocator(5, steps=[1, 2, 5, 10], integer=True)
    elif parameter.sampling == "linear":
        locator = MaxNLocator(5, steps=[1, 2, 5, 10])
    else:
        locator = LogLocator(subs=(1.0,) if high / low > 1e3 else (1.0, 3.0))
    ticks = [tick for tick in locator.tick_values(low, high) if low <= tick <= high]
    return ticks if len(ticks) > 1 else [low, high]


def _label(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _figure(width: float, height: float, title: str) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=11)
    return figure


def _history(name: str, numbers: np.ndarray, losses: np.ndarray, chosen: int) -> Figure:
    """Draw the losses of the trials in their order, and the smallest so far."""
    figure = _figure(6.4, 4, "Trials, in their order")
    axis = figure.add_subplot()
    axis.scatter(numbers, losses, s=18, color="C0", label="trial, on the first seed")
    axis.step(numbers, np.minimum.accumulate(losses), where="post", color="C1", label="best so far")
    marked = numbers == chosen
    axis.scatter(numbers[marked], losses[marked], **_CHOSEN)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="trial", ylabel=name)
    axis.legend(frameon=False)
    return figure


def _slices(name: str, axes: list[Axis], losses: np.ndarray, chosen: np.ndarray) -> Figure:
    """Draw the losses against each searched value."""
    columns = 2 if len(axes) in (2, 4) else min(len(axes), 3)
    rows = -(-len(axes) // columns)
    title = "Loss on the first seed against each searched value; a circle marks the chosen trial"
    figure = _figure(max(3.4 * columns + 0.6, 6.4), 2.9 * rows + 0.4, title)
    shared = None
    for number, each in enumerate(axes, start=1):
        shared = axis = figure.add_subplot(rows, columns, number, sharey=shared)
        axis.scatter(each.positions, losses, s=16, color="C0")
        axis.scatter(each.positions[chosen], losses[chosen], **_CHOSEN)
        axis.set_xticks(*each.ticks, fontsize=8)
        axis.set(xlabel=each.name, xlim=(min(each.positions.min(), 0) - 0.06, 1.12))
        if number % columns == 1 or columns == 1:
            axis.set_ylabel(name)
        else:
            axis.tick_params(labelleft=False)
    return figure


def _parallel_coordinates(
    name: str, axes: list[Axis], losses: np.ndarray, chosen: np.ndarray
) -> Figure:
    """Draw a line through the values of each trial, the best ones on top."""
    figure = _figure(1.6 * len(axes) + 2.4, 4.2, "The values of each trial")
    axis = figure.add_subplot()
    ranks = losses.argsort().argsort()
    colors = ScalarMappable(Normalize(1, max(len(losses), 2)), "viridis")
    for number in losses.argsort()[::-1]:
        heights = [each.positions[number] for each in axes]
        axis.plot(heights, color=colors.to_rgba(ranks[number] + 1), alpha=0.8, linewidth=1.2)
        if chosen[number]:
            axis.plot(heights, color="C3", linewidth=2.5, zorder=3, label="chosen")
    for place, each in enumerate(axes):
        axis.axvline(place, color="0.3", linewidth=0.8, zorder=2.5)
        for position, label in zip(*each.ticks, strict=True):
            axis.annotate(label, (place, position), (5, 0), zorder=4, **_TICK_LABEL)
    axis.set_xticks(range(len(axes)), [each.name for each in axes])
    axis.set(yticks=[], xlim=(-0.15, len(axes) - 0.6), ylim=(_OFF - 0.08, 1.12))
    axis.spines[:].set_visible(False)
    axis.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1))
    bar = figure.colorbar(colors, ax=axis, pad=0.02, ticks=MaxNLocator(5, integer=True))
    bar.set_label(f"rank by {name} on the first seed", fontsize=8)
    bar.ax.invert_yaxis()
    return figure


def _learning_curves(found: "Tuning") -> Figure:
    """Draw the loss of the finalists after each epoch, over the seeds that judge them."""
    runs = "seeds" if found.folds == 1 else "seeds and folds"
    figure = _figure(6.8, 4.2, f"Finalists: mean over the {runs}, with its standard error")
    axis = figure.add_subplot()
    finalists = [each for each in found.candidates if each.finalist]
    for candidate in sorted(finalists, key=lambda each: each.loss):
        runs = found.executions(candidate)[-len(candidate.losses) :]
        curves = [run.history[found.objective] for run in runs if run.score is not None]
        if not curves:
            continue
        shortest = min(map(len, curves))  # from there on, the mean would be of other seeds
        values = np.array([curve[:shortest] for curve in curves])
        mean, epochs = values.mean(axis=0), np.arange(1, shortest + 1)
        mark = ", chosen" if candidate is found.chosen else ""
        (line,) = axis.plot(epochs, mean, marker="." if shortest < 10 else "")
        line.set_label(f"trial {candidate.trial}{mark}")
        line.set_linewidth(2.2 if mark else 1.2)
        if len(curves) > 1:
            error = values.std(axis=0, ddof=1) / math.sqrt(len(curves))
            axis.fill_between(
                epochs, mean - error, mean + error, color=line.get_color(), alpha=0.2, linewidth=0
            )
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="epoch", ylabel=found.objective)
    low, high = axis.dataLim.intervaly
    if low > 0 and high / low > 5:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_locator(NullLocator())
    axis.legend(frameon=False)
    return figure


def _importances(axes: list[Axis], losses: np.ndarray) -> Figure:
    """Draw the importance of each searched value by PED-ANOVA."""
    if len(losses) < _MIN_TRIALS:
        warnings.warn(
            f"Importances of {len(losses)} trials are mostly noise: search for at least "
            f"{_MIN_TRIALS}.",
            UserWarning,
            stacklevel=4,
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    distributions = {each.name: FloatDistribution(_OFF, 1 + _BEYOND) for each in axes}
    for number, loss in enumerate(losses):
        params = {each.name: each.positions[number] for each in axes}
        study.add_trial(optuna.create_trial(params=params, distributions=distributions, value=loss))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    importances = optuna.importance.get_param_importances(study, evaluator=evaluator)
    names = [*importances][::-1]
    figure = _figure(6.4, 1.4 + 0.4 * len(names), "Importance of each searched value (PED-ANOVA)")
    axis = figure.add_subplot()
    bars = axis.barh(names, [importances[name] for name in names], color="C0", height=0.6)
    axis.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    axis.set(xlim=(0, 1.1 * max(importances.values(), default=1) or 1))
    axis.set_xlabel(f"share of the importance, from {len(losses)} trials")
    axis.spines[["top", "right"]].set_visible(False)
    return figure
