"""The main charts of a run as one picture, for people without a browser."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .figure import new_figure
from .names import RUNS, grouped
from .reading import Curve, read_scalars, runs_of

__all__ = ["charts"]

_COLORS = {"train": "tab:blue", "validation": "tab:orange", "train_eval": "tab:green"}
Scalars = dict[str, dict[str, Curve]]


def charts(directory: str | os.PathLike[str]) -> Any:
    """A figure of a run: loss with the band up to the total, metrics, gap, penalties, sparsity.

    It reads the logs of `callbacks.TensorBoard` and those of `keras.callbacks.TensorBoard`; a chart
    whose values were not logged is left out.

    Args:
        directory: of one run, which holds `train` and, if there are any, `validation` and
            `train_eval`; or one that has such a directory somewhere below.

    Raises:
        FileNotFoundError: there is no such directory, or no event file in it.
        ValueError: it holds several runs, or none of the values that are drawn.
    """
    scalars = _scalars(directory)
    drawn = [draw for draw in _CHARTS if draw(None, scalars)]
    if not drawn:
        raise ValueError(f"{directory} has none of the scalars that are drawn: no loss, no metric")
    columns = 2 if len(drawn) in (2, 4) else min(len(drawn), 3)
    rows = -(-len(drawn) // columns)
    figure = new_figure(5 * columns, 3.6 * rows)
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for draw, axes in zip(drawn, places, strict=False):
        draw(axes, scalars)
        axes.set_xlabel("epoch")
        axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
    for axes in places[len(drawn) :]:
        axes.set_axis_off()
    return figure


def _scalars(directory: str | os.PathLike[str]) -> Scalars:
    """By run (train, validation, train_eval) and tag, the values of the one run in a directory."""
    found = [path for path in runs_of(directory) if path.name in RUNS]
    parents = sorted({path.parent for path in found})
    if len(parents) != 1:
        shown = ", ".join(str(p.relative_to(Path(directory))) for p in parents[:5]) or "none"
        raise ValueError(f"{directory} must hold one run, to be drawn. Received: {shown}")
    return {
        path.name: {_grouped(tag): curve for tag, curve in read_scalars(path).items()}
        for path in found
    }


def _grouped(tag: str) -> str:
    """Our tag for one that Keras' callback has written."""
    return grouped(tag.removeprefix("epoch_"))[1] if tag.startswith("epoch_") else tag


def _plot(axes: Any, curve: Curve, **style: Any) -> None:
    steps = sorted(curve)
    marker = "o" if len(steps) == 1 else None
    axes.plot(steps, [curve[step] for step in steps], marker=marker, **style)


def _loss(axes: Any, scalars: Scalars) -> bool:
    found = [r for r in RUNS if {"loss/data", "loss/total"} & set(scalars.get(r, {}))]
    if axes is None or not found:
        return bool(found)
    for run in found:
        data, total = (scalars[run].get(tag, {}) for tag in ("loss/data", "loss/total"))
        name = f"{run}: data loss" if data else f"{run}: total loss"
        _plot(axes, data or total, color=_COLORS[run], label=name)
        steps = sorted(data.keys() & total.keys())
        if steps:
            ends = [data[s] for s in steps], [total[s] for s in steps]
            label = f"{run}: up to the total loss"
            axes.fill_between(steps, *ends, color=_COLORS[run], alpha=0.25, label=label)
    axes.set_title("loss")
    return True


def _by_run(title: str, group: str) -> Callable[[Any, Scalars], bool]:
    """A chart of all tags of a group, a color a run."""

    def draw(axes: Any, scalars: Scalars) -> bool:
        lines = [
            (run, tag, curve)
            for run in RUNS
            for tag, curve in scalars.get(run, {}).items()
            if tag.startswith(f"{group}/")
        ]
        styles = dict.fromkeys(tag for _, tag, _ in lines)
        dashes = {tag: ("-", "--", ":", "-.")[i % 4] for i, tag in enumerate(styles)}
        for run, tag, curve in lines if axes is not None else ():
            short = tag.removeprefix(f"{group}/")
            name = short if group == "gap" else f"{run}: {short}"
            _plot(axes, curve, color=_COLORS[run], linestyle=dashes[tag], label=name)
        if axes is not None:
            axes.set_title(title)
        return bool(lines)

    return draw


def _by_layer(title: str, group: str, shown: int = 8) -> Callable[[Any, Scalars], bool]:
    """A chart of a group of the training's tags, a color a tag; the greatest ones."""

    def draw(axes: Any, scalars: Scalars) -> bool:
        train = scalars.get("train", {})
        curves = {tag: c for tag, c in train.items() if tag.startswith(f"{group}/")}
        if group == "penalty" and not curves:
            curves = _difference(scalars)
        order = sorted(curves, key=lambda tag: -max(curves[tag].values()))
        for tag in order[:shown] if axes is not None else ():
            _plot(axes, curves[tag], label=tag.removeprefix(f"{group}/"))
        if axes is not None:
            more = f" (the greatest {shown} of {len(order)})" if len(order) > shown else ""
            axes.set_title(title + more)
        return bool(curves)

    return draw


def _difference(scalars: Scalars) -> dict[str, Curve]:
    """The penalty by run where only the two losses were logged."""
    curves = {}
    for run in RUNS:
        data, total = (scalars.get(run, {}).get(tag, {}) for tag in ("loss/data", "loss/total"))
        curve = {step: total[step] - data[step] for step in data.keys() & total.keys()}
        if curve:
            curves[f"penalty/{run}: total - data loss"] = curve
    return curves


_CHARTS = (
    _loss,
    _by_run("metrics", "metrics"),
    _by_run("gap (validation - train_eval)", "gap"),
    _by_layer("penalties", "penalty"),
    _by_layer("share of zeros", "sparsity"),
)
