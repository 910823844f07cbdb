"""`draw`: the report of a surgery as a picture."""

import os
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from .report import SurgeryReport, TableRow

__all__ = ["draw"]

_LARGEST = 40  # penalties that are drawn one by one; the rest is one bar


def draw(report: "SurgeryReport", path: str | os.PathLike[str]) -> None:
    """Writes the shares of the total penalty as bars, the largest first.

    Args:
        report: of which the penalties are drawn as they are at present.
        path: of the picture, whose suffix says the format.
    """
    rows = sorted(report.rows(), key=lambda row: -row.share)
    shown, rest = rows[:_LARGEST], rows[_LARGEST:]
    bars = [(f"{row.layer}/{row.variable}", 100 * row.share, _color(row)) for row in shown]
    if rest:
        share = 100 * sum(row.share for row in rest)
        bars.append((f"{len(rest)} more", share, "0.75"))
    figure = Figure(figsize=(8, 1.4 + 0.22 * max(len(bars), 3)), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.add_subplot()
    _bars(axis, bars)
    total = sum(row.value for row in rows)
    axis.set_title(
        f"{report.model.name}: {len(report.applied)} of {report.requested} changes applied, "
        f"{len(report.inactive)} inactive, {len(report.refused)} refused\n"
        f"total penalty {total:.4g}",
        fontsize=10,
        loc="left",
    )
    _legend(axis, shown)
    figure.savefig(path, dpi=100)


def _bars(axis: Any, bars: list[tuple[str, float, str]]) -> None:
    names, shares, colors = zip(*bars, strict=True) if bars else ((), (), ())
    places = range(len(bars))
    axis.barh(places, shares, color=colors, height=0.7)
    axis.set_yticks(places, names, fontsize=7)
    axis.invert_yaxis()
    axis.margins(y=0.01)
    axis.set_xlabel("share of the total penalty in %")
    axis.spines[["top", "right"]].set_visible(False)


def _color(row: "TableRow") -> str:
    if row.state.startswith("inactive"):
        return "0.75"
    return "C1" if row.state == "kept" else "C0"


def _legend(axis: Any, rows: list["TableRow"]) -> None:
    names = {"C0": "asked for", "C1": "kept from the original", "0.75": "frozen"}
    from matplotlib.patches import Patch

    used = [color for color in names if any(_color(row) == color for row in rows)]
    if len(used) > 1:
        handles = [Patch(color=color, label=names[color]) for color in used]
        axis.legend(handles=handles, loc="lower right", fontsize=8, frameon=False)
