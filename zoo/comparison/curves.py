"""Learning curves of groups: the mean over seeds with a band, as pictures and for TensorBoard."""

import itertools
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from ...callbacks.tensorboard.charts import BAND, band_layout
from ...callbacks.tensorboard.event_file import EventFile
from ...callbacks.tensorboard.summaries import new_figure, scalars
from ...core.checks import check_path, message
from ..tasks import TASKS
from .groups import Group

if TYPE_CHECKING:
    from .comparison import Comparison

# Okabe & Ito, Color universal design, 2008: told apart with every kind of color vision.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", "-.", ":")
_ENDINGS = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Curve:
    """A logged value over the epochs that all runs of a group have.

    Args:
        mean: The mean over the seeds after each epoch.
        low: The mean less its standard error; the mean itself for one seed.
        high: The mean and its standard error.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def curves_of(group: Group) -> dict[str, Curve]:
    """Return the curve of each number that all runs of a group have logged."""
    histories = [run.history for run in group.runs.values()]
    found = {}
    for name in histories[0]:
        columns = [history.get(name, []) for history in histories]
        shortest = min(map(len, columns))  # from there on, the mean would be of other seeds
        values = [np.array(column[:shortest]) for column in columns]
        if shortest and all(column.ndim == 1 for column in values):
            stacked = np.stack(values)
            mean, error = stacked.mean(axis=0), np.zeros(shortest)
            if len(stacked) > 1:
                error = stacked.std(axis=0, ddof=1) / math.sqrt(len(stacked))
            found[name] = Curve(mean, mean - error, mean + error)
    return found


def plot(comparison: "Comparison", path: str | os.PathLike[str]) -> Path:
    """Draw the learning curves of the groups; see `Comparison.plot`."""
    check_path("path", path)
    path = Path(path)
    if path.suffix.lower() not in _ENDINGS:
        raise ValueError(message("path", str(path), f"a file named *{', *'.join(_ENDINGS)}"))
    curves = {group.name: curves_of(group) for group in comparison.groups}
    logged = {name for each in curves.values() for name in each}
    scores = (f"val_{comparison.score}", f"val_{TASKS[comparison.task].metric}")
    score = next((n for n in scores if n in logged - {"val_data_loss"}), "")
    panels = [name for name in ("val_data_loss", score, "gap_loss") if name in logged]
    if not panels:
        raise ValueError(f"Could not draw '{path}': the runs have logged no validation figures.")
    figure = new_figure(4.6 * len(panels) + 0.4, 3.6 + 0.2 * len(curves))
    places = figure.subplots(1, len(panels), squeeze=False)[0]
    looks = itertools.cycle(itertools.product(_STYLES, _COLORS))  # colors first
    lines = {}
    for (group, each), (style, color) in zip(curves.items(), looks, strict=False):
        for name, axes in zip(panels, places, strict=True):
            if name in each:
                curve, epochs = each[name], np.arange(1, len(each[name].mean) + 1)
                marker = "." if len(epochs) < 10 else ""
                (lines[group],) = axes.plot(epochs, curve.mean, style, color=color, marker=marker)
                axes.fill_between(
                    epochs, curve.low, curve.high, color=color, alpha=0.2, linewidth=0
                )
    for name, axes in zip(panels, places, strict=True):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel=name)
        axes.grid(alpha=0.3)
    figure.legend(lines.values(), lines, loc="outside lower center", frameon=False, fontsize=9)
    band = any(len(group.runs) > 1 for group in comparison.groups)
    title = ": mean over the seeds, with its standard error" if band else ""
    figure.suptitle(f"{comparison.data}{title}", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def write_tensorboard(comparison: "Comparison", directory: str | os.PathLike[str]) -> list[Path]:
    """Write the curves of the groups for TensorBoard; see `Comparison.write_tensorboard`."""
    check_path("directory", directory)
    root = Path(directory)
    if root.exists() and not root.is_dir():
        raise ValueError(message("directory", str(root), "a directory, or a new path"))
    if root.exists() and any(root.rglob("*tfevents*")):
        expected = "a new directory, or one without TensorBoard logs"
        raise ValueError(message("directory", str(root), expected))
    paths = []
    for number, group in enumerate(comparison.groups):
        curves = curves_of(group)
        # The order of TensorBoard's runs is that of their names.
        name = re.sub(r"[^\w=.,() +-]", "_", group.name)[:100]
        file = EventFile(root / f"{number} {name}")
        validation_first = sorted(curves, key=lambda name: not name.startswith("val_"))
        file.add(0, band_layout(validation_first))
        for epoch in range(max(len(curve.mean) for curve in curves.values())):
            values = {
                f"{name}/{of}": getattr(curve, of)[epoch]
                for name, curve in curves.items()
                for of in BAND
                if epoch < len(curve.mean)
            }
            file.add(epoch, scalars(values))
        paths.append(Path(file.directory))
    return paths
