"""`draw`: plot the penalties of a surgery report as a bar chart."""

import os
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

if TYPE_CHECKING:
    from .report import SurgeryReport, TableRow

_LARGEST = 40  # penalties with their own bars; the others share one
_NEW, _KEPT, _REST = "C0", "C1", "0.75"
_MEANINGS = {_NEW: "new", _KEPT: "kept from the original"}


class _Bar(NamedTuple):
    name: str
    percent: float
    label: str
    color: str


def draw(report: "SurgeryReport", path: str | os.PathLike[str]) -> None:
    """Plot the current shares of the total penalty, the largest first, into a file."""
    rows = report.rows()
    active = sorted((row for row in rows if row.share), key=lambda row: -row.share)
    bars = [_bar(row) for row in active[:_LARGEST]]
    if rest := active[_LARGEST:]:
        percent = 100 * sum(row.share for row in rest)
        bars.append(_Bar(f"{len(rest)} more", percent, f"{percent:.1f}%", _REST))
    percents, colors = [bar.percent for bar in bars], [bar.color for bar in bars]
    figure = Figure(figsize=(8, 1.4 + 0.22 * max(len(bars), 3)), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.add_subplot()
    drawn = axis.barh(range(len(bars)), percents, color=colors, height=0.7)
    axis.bar_label(drawn, [bar.label for bar in bars], fontsize=7, padding=3)
    axis.set_yticks(range(len(bars)), [bar.name for bar in bars], fontsize=7)
    axis.set(xlim=(0, 1.4 * max(percents, default=100)), ylim=(max(len(bars), 1) - 0.4, -0.6))
    axis.set_xlabel("share of the total penalty in %")
    axis.spines[["top", "right"]].set_visible(False)
    if len(used := [color for color in _MEANINGS if color in colors]) > 1:
        handles = [Patch(color=color, label=_MEANINGS[color]) for color in used]
        axis.legend(handles=handles, loc="lower right", fontsize=8, frameon=False)
    axis.set_title(_title(report, rows), fontsize=10, loc="left")
    figure.savefig(path, dpi=100, bbox_inches="tight", pad_inches=0.1)  # fits all labels


def _bar(row: "TableRow") -> _Bar:
    percent = 100 * row.share
    label = ", ".join(filter(None, (f"{percent:.1f}%  {row.penalty}", row.strength)))
    color = _KEPT if row.state == "kept" else _NEW
    return _Bar(f"{row.layer}/{row.variable}", percent, label, color)


def _title(report: "SurgeryReport", rows: list["TableRow"]) -> str:
    counts = f"{report.model.name}: {report.requested} requested, {len(report.applied)} applied"
    frozen = sum(row.state.startswith("inactive") for row in rows)
    shown = f"total penalty {sum(row.value for row in rows):.4g}" if rows else "no penalty"
    more = f"; {frozen} more on frozen weights cost 0" if frozen else ""
    return f"{counts}, {len(report.refused)} refused\n{shown}{more}"
