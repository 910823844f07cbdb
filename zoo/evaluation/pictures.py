"""`draw`: the pictures of an evaluation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...callbacks.tensorboard.pictures import reliability_diagram
from ...callbacks.tensorboard.summaries import new_figure
from .attacked import robustness_figure
from .conformal import Conformal
from .selective import RiskCoverage

if TYPE_CHECKING:
    from .evaluation import Evaluation

_PANELS = 4
_EVENTS = {
    "classification": ("confidence", "accuracy", "samples"),
    "multilabel": ("probability of a label", "frequency", "labels"),
}


def draw(found: "Evaluation", directory: Path) -> list[Path]:
    """Draw the pictures of the sections that there are as PNG files."""
    figures = {}
    if found.calibration:
        each = found.calibration
        title = f"expected calibration error {each.error.value:.3f}"
        figures["reliability"] = reliability_diagram(
            each.counts, each.frequency, title, _EVENTS[found.task]
        )
    if found.risk_coverage:
        figures["risk_coverage"] = risk_coverage_figure(found.risk_coverage)
    if found.robustness:
        figures["robustness"] = robustness_figure(found.robustness)
    if found.flatness:
        figures["flatness"] = found.flatness.landscape.figure()
    if found.predictions:
        figures["predictions"] = predictions_figure(found.predictions, found.conformal)
    paths = []
    for name, figure in figures.items():
        paths.append(directory / f"{name}.png")
        figure.savefig(paths[-1], dpi=120)
    return paths


def risk_coverage_figure(curves: dict[str, RiskCoverage]) -> Any:
    """Return a figure of risk-coverage curves, with the best order of the first and a random one.

    Until all right answers are given, the best order has no risk: with a share e of mistakes, its
    risk at coverage c is max(0, 1 - (1 - e) / c). A random order has the risk e everywhere.
    """
    figure = new_figure(5, 3.6)
    axis = figure.subplots()
    for number, (name, curve) in enumerate(curves.items()):
        label = f"{name.replace('_', ' ')}, AURC {curve.aurc:.3g}"
        axis.plot(curve.coverage, curve.risk, color=f"C{number}", label=label)
    first = next(iter(curves.values()))
    mistakes, gray = first.risk[-1], {"color": "gray", "linewidth": 1}
    best = np.maximum(0, 1 - (1 - mistakes) / first.coverage)
    axis.axhline(mistakes, linestyle=":", label="random order", **gray)
    axis.plot(first.coverage, best, linestyle="--", label="best order", **gray)
    axis.set(xlabel="coverage: share of samples answered", ylabel="risk: share of mistakes")
    axis.set(xlim=(0, 1), ylim=(0, None), title="Risk if the least confident are not answered")
    axis.legend(frameon=False, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def predictions_figure(
    predictions: dict[str, tuple[np.ndarray, np.ndarray]], conformal: dict[str, Conformal]
) -> Any:
    """Return a figure of the targets against the predictions, with their conformal intervals.

    Of several targets, the first four are drawn.
    """
    names = [*predictions][:_PANELS]
    figure = new_figure(4.2 * len(names), 3.8)
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    intervals = conformal.get("absolute_residual")
    for number, (axis, name) in enumerate(zip(axes, names, strict=True)):
        targets, values = predictions[name]
        ends = np.array([min(targets.min(), values.min()), max(targets.max(), values.max())])
        axis.plot(ends, ends, color="gray", linewidth=1, linestyle="--")
        if intervals:
            half = intervals.thresholds[number]
            label = f"{intervals.target:.0%} intervals, which cover {intervals.by_name[name]:.0%}"
            axis.fill_between(ends, ends - half, ends + half, color="C1", alpha=0.2, label=label)
            axis.legend(frameon=False, fontsize=8)
        axis.scatter(values, targets, s=10, alpha=0.6, linewidths=0)
        axis.set(xlabel=f"predicted {name}", ylabel=f"true {name}")
        axis.spines[["top", "right"]].set_visible(False)
    return figure
