"""`plot_run`: the main charts of a run as one figure."""

import os
from pathlib import Path
from typing import Any

from .charts import GROUPS, RUNS, Group, grouped_name
from .event_file import Curve, read_scalars, runs_of
from .summaries import new_figure

_COLORS = dict(zip(RUNS, ("tab:blue", "tab:orange", "tab:green"), strict=True))
_LAYERS = 8  # curves in a chart of layers
Line = tuple[str, str, Curve]  # the run, the rest of the tag, the values


def plot_run(directory: str | os.PathLike[str]) -> Any:
    """Return a Matplotlib figure of the logs of `TensorBoard`, ours or Keras'.

    It shows the logged values among the loss with a band up to the total loss, metrics, the
    generalization gap, penalties and sparsity.

    Args:
        directory: The directory of one run, with its logs in `train`, `validation` and
            `train_eval`, or a directory with one such directory somewhere below.

    Raises:
        FileNotFoundError: If the directory does not exist or has no event files.
        ValueError: If it contains several runs, or none of the values that are drawn.
    """
    scalars = _scalars(Path(directory))
    charts = [(group, _lines(group, scalars)) for group in GROUPS if group.plot]
    charts = [(group, lines) for group, lines in charts if lines]
    if not charts:
        raise ValueError(f"Could not draw '{directory}': it has no losses or metrics.")
    columns = 2 if len(charts) in (2, 4) else min(len(charts), 3)
    rows = -(-len(charts) // columns)
    figure = new_figure(5 * columns, 3.6 * rows)
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    draw = {"band": _draw_band, "runs": _draw_runs, "layers": _draw_layers}
    for (group, lines), axes in zip(charts, places, strict=False):
        axes.set_title(group.title)
        draw[str(group.plot)](axes, lines)
        axes.set_xlabel("epoch")
        axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
    for axes in places[len(charts) :]:
        axes.set_axis_off()
    return figure


def _scalars(directory: Path) -> dict[str, dict[str, Curve]]:
    """Return the curves in a directory by run ("train", ...) and tag."""
    found = [path for path in runs_of(directory) if path.name in RUNS]
    parents = sorted({path.parent for path in found})
    if len(parents) != 1:
        shown = ", ".join(str(path.relative_to(directory)) for path in parents[:5]) or "none"
        raise ValueError(f"`directory` must contain exactly one run. Received: {shown}")
    scalars = {path.name: read_scalars(path) for path in found}
    return {
        run: {  # Keras' tags are "epoch_<name>"
            grouped_name(tag.removeprefix("epoch_"))[1] if tag.startswith("epoch_") else tag: curve
            for tag, curve in curves.items()
        }
        for run, curves in scalars.items()
    }


def _lines(group: Group, scalars: dict[str, dict[str, Curve]]) -> list[Line]:
    lines = [
        (run, tag.removeprefix(f"{group.name}/"), curve)
        for run in RUNS
        for tag, curve in scalars.get(run, {}).items()
        if tag.startswith(f"{group.name}/") and (run == "train" or group.plot != "layers")
    ]
    if group.plot == "band":
        return [line for line in lines if line[1] in ("data", "total")]
    if group.name == "penalty" and not lines:  # only the two losses are logged
        for run in RUNS:
            data, total = (scalars.get(run, {}).get(f"loss/{of}", {}) for of in ("data", "total"))
            if curve := {step: total[step] - data[step] for step in data.keys() & total.keys()}:
                lines.append((run, f"{run}: total - data loss", curve))
    return lines


def _draw_band(axes: Any, lines: list[Line]) -> None:
    curves = {(run, of): curve for run, of, curve in lines}
    for run in dict.fromkeys(run for run, _, _ in lines):
        data, total = curves.get((run, "data"), {}), curves.get((run, "total"), {})
        label = f"{run}: data loss" if data else f"{run}: total loss"
        _plot(axes, data or total, color=_COLORS[run], label=label)
        if steps := sorted(data.keys() & total.keys()):
            ends = [data[step] for step in steps], [total[step] for step in steps]
            label = f"{run}: up to the total loss"
            axes.fill_between(steps, *ends, color=_COLORS[run], alpha=0.25, label=label)


def _draw_runs(axes: Any, lines: list[Line]) -> None:
    names = list(dict.fromkeys(name for _, name, _ in lines))
    for run, name, curve in lines:
        style = ("-", "--", ":", "-.")[names.index(name) % 4]
        label = name if {each[0] for each in lines} == {run} else f"{run}: {name}"
        _plot(axes, curve, color=_COLORS[run], linestyle=style, label=label)


def _draw_layers(axes: Any, lines: list[Line]) -> None:
    largest = sorted(lines, key=lambda line: -max(line[2].values()))[:_LAYERS]
    for _, name, curve in largest:
        _plot(axes, curve, label=name)
    if len(lines) > _LAYERS:
        axes.set_title(f"{axes.get_title()} (largest {_LAYERS} of {len(lines)})")


def _plot(axes: Any, curve: Curve, **style: Any) -> None:
    steps = sorted(curve)
    marker = "o" if len(steps) == 1 else None
    axes.plot(steps, [curve[step] for step in steps], marker=marker, **style)
