"""`draw`: the pictures of an evaluation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...callbacks.tensorboard.pictures import reliability_diagram
from ...callbacks.tensorboard.summaries import new_figure
from .selective import RiskCoverage

if TYPE_CHECKING:
    from .evaluation import Evaluation

_EVENTS = {
    "classification": ("confidence", "accuracy", "samples"),
    "multilabel": ("probability of a label", "frequency", "labels"),
}


def draw(found: "Evaluation", directory: Path) -> list[Path]:
    """Draw the reliability diagram and the risk-coverage curves that there are as PNG files."""
    figures = {}
    if found.calibration:
        each = found.calibration
        title = f"expected calibration error {each.error.value:.3f}"
        figures["reliability"] = reliability_diagram(
            each.counts, each.frequency, title, _EVENTS[found.task]
        )
    if found.risk_coverage:
        figures["risk_coverage"] = risk_coverage_figure(found.risk_coverage)
    paths = []
    for name, figure in figures.items():
        paths.append(directory / f"{name}.png")
        figure.savefig(paths[-1], dpi=120)
    return paths


def risk_coverage_figure(curves: dict[str, RiskCoverage]) -> Any:
    """Return a figure of risk-coverage curves, between the best order and a random one.

    Until all right answers are given, the best order has no risk: with a share e of mistakes, its
    risk at coverage c is max(0, 1 - (1 - e) / c). A random order has the risk e everywhere.
    """
    figure = new_figure(5, 3.6)
    axis = figure.subplots()
    for number, (name, curve) in enumerate(curves.items()):
        label = f"{name.replace('_', ' ')}, AURC {curve.aurc:.3g}"
        axis.plot(curve.coverage, curve.risk, color=f"C{number}", label=label)
    for number, curve in enumerate(curves.values()):
        mistakes = curve.risk[-1]
        best = np.maximum(0, 1 - (1 - mistakes) / curve.coverage)
        labels = ("random order", "best order") if number == 0 else (None, None)
        color = "gray" if number == 0 else f"C{number}"
        axis.axhline(mistakes, color=color, linestyle=":", linewidth=1, label=labels[0])
        axis.plot(curve.coverage, best, color=color, linestyle="--", linewidth=1, label=labels[1])
    axis.set(xlabel="coverage: share of samples answered", ylabel="risk: share of mistakes")
    axis.set(xlim=(0, 1), ylim=(0, None), title="Risk if the least confident are not answered")
    axis.legend(frameon=False, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    return figure
