"""The groups of charts: names of scalars, the Custom Scalars layout, and charts of `plot_run`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore
from tensorboard.plugins.custom_scalar import metadata
from tensorboard.plugins.custom_scalar.layout_pb2 import Chart, Layout  # pyright: ignore

from .summaries import tensor


@dataclass(frozen=True)
class Group:
    """A group of charts, of the scalars with tags `<name>/...`.

    Args:
        name: The first part of the tags, and the group's name on the Scalars dashboard.
        title: The title of the group's chart.
        logs: A regular expression of the group's names in `logs`, without the prefixes of `RUNS`.
            Its parentheses match the rest of the tag; without a match the rest is "total". Names
            with a slash are tags already.
        category: The category on the Custom Scalars dashboard, or `None` to leave the group out.
        charts: The charts in that category, by title: a regular expression of the rest of the
            tags, or a pair of tags with a band in between. By default one chart of all tags.
        plot: How `plot_run` draws the group: "band" draws the losses of each run, "runs" all tags
            with a color per run, "layers" the largest curves of training. `None` leaves it out.
    """

    name: str
    title: str
    logs: str | None = None
    category: str | None = None
    charts: Mapping[str, str | tuple[str, str]] | None = None
    plot: Literal["band", "runs", "layers"] | None = None


_NORMS = "Sparsity and norms"

GROUPS = (
    Group(
        "loss",
        "Loss",
        r"loss|(?!gap_)(.+)_loss",
        "Generalization",
        {
            "Data loss, and the penalty above it": ("data", "total"),
            "Data loss": "data",
            "Loss with penalty": "total",
        },
        "band",
    ),
    # Names that belong to no other group are metrics.
    Group("metrics", "Metrics", None, "Generalization", plot="runs"),
    Group(
        "gap", "Gap between validation and train_eval", r"gap_(.+)", "Generalization", plot="runs"
    ),
    Group(
        "penalty",
        "Penalty",
        "penalty",
        "Penalties",
        {"Penalty": "total", "Penalty of each layer": "(?!total$).*"},
        "layers",
    ),
    Group("rates", "Rates", r"(learning_rate.*)", "Penalties"),
    Group("sparsity", "Fraction of zeros", "sparsity", _NORMS, plot="layers"),
    Group("weights/norm", "Norms of weights", None, _NORMS),
    Group("gradient_norm", "Norms of gradients", "gradient_norm", _NORMS),
    Group("gradient_ratio", "Norms of gradients over norms of weights", "gradient_ratio"),
    Group(
        "penalty_gradient_norm",
        "Norms of gradients of the penalty",
        "penalty_gradient_norm",
        _NORMS,
    ),
    Group(
        "penalty_gradient_ratio",
        "Norms of gradients of the penalty over norms of weights",
        "penalty_gradient_ratio",
    ),
    Group("sharpness", "Sharpness", None, _NORMS),
    Group("speed", "Speed", r"(steps_per_second)"),
)

# The runs of a training, and the prefixes of their values in `logs`.
RUNS = {"train": "", "validation": "val_", "train_eval": "train_eval_"}


def grouped_name(name: str) -> tuple[str, str]:
    """Return the run and the tag of a value in `logs`.

    Training data, validation data and training data in inference mode share one tag in three runs,
    so that TensorBoard draws three curves in one chart.

    >>> for name in ("loss", "val_data_loss", "train_eval_loss", "accuracy", "sparsity/dense"):
    ...     print(grouped_name(name))
    ('train', 'loss/total')
    ('validation', 'loss/data')
    ('train_eval', 'loss/data')
    ('train', 'metrics/accuracy')
    ('train', 'sparsity/dense')
    """
    runs = (run for run, p in RUNS.items() if p and name.startswith(p) and name != p)
    run = next(runs, "train")
    name = name.removeprefix(RUNS[run])
    if run == "train_eval" and name == "loss":  # it contains no penalty
        return run, "loss/data"
    if name in _WITH_TOTAL:
        return run, f"{name}/total"
    tag = name if "/" in name else _tag(name)
    hides_total = tag.removesuffix("/total") in _WITH_TOTAL  # an output or a layer named "total"
    return run, f"{tag}_" if hides_total else tag


def _tag(name: str) -> str:
    for group in GROUPS:
        if group.logs and (match := re.fullmatch(group.logs, name)):
            return f"{group.name}/{match[1]}"
    return f"metrics/{name}"


# The groups with a total, which has the name of the group in `logs`.
_WITH_TOTAL = {g.name for g in GROUPS if g.logs and re.fullmatch(g.logs, g.name)}


def keras_name(name: str) -> tuple[str, str]:
    """Return the run and the tag that `keras.callbacks.TensorBoard` gives a value in `logs`.

    >>> keras_name("val_loss")
    ('validation', 'epoch_loss')
    """
    run = "validation" if name.startswith("val_") else "train"
    return run, f"epoch_{name.removeprefix('val_')}"


def layout(tags: Iterable[str]) -> Summary:
    """Return the layout of the Custom Scalars dashboard for the logged tags."""
    tags = set(tags)
    charts = [
        (group.category, chart)
        for group in GROUPS
        for title, rest in (group.charts or {group.title: ".*"}).items()
        if group.category and (chart := _chart(title, group.name, rest, tags))
    ]
    return _dashboard(charts)


def band_layout(names: Iterable[str]) -> Summary:
    """Return the layout of the Custom Scalars dashboard for values in `logs` with a band.

    The chart of a name has the tags `<name>/mean`, `<name>/low` and `<name>/high`. It is in the
    category of the group of the name, and shown in the order of the groups.
    """
    names = list(names)
    charts = []
    for group in GROUPS:
        for name in names:
            tag = grouped_name(name)[1]
            if group.category and tag.startswith(f"{group.name}/"):
                chart = Chart(title=name)
                mean, low, high = (f"{name}/{of}" for of in BAND)
                chart.margin.series.add(value=mean, lower=low, upper=high)
                charts.append((group.category, chart))
    categories = [group.category for group in GROUPS]
    charts.reverse()  # TensorBoard 2.21 shows the charts with a band of a category in reverse
    charts.sort(key=lambda chart: categories.index(chart[0]))
    return _dashboard(charts)


# The tags of a value with a band, below its name.
BAND = ("mean", "low", "high")


def _dashboard(charts: Iterable[tuple[str, Chart]]) -> Summary:
    """Return the layout of charts, each with its category."""
    whole = Layout()
    categories = {}
    for category, chart in charts:
        if category not in categories:
            categories[category] = whole.category.add(title=category)
        categories[category].chart.append(chart)
    content = whole.SerializeToString()
    return tensor(metadata.CONFIG_SUMMARY_TAG, content, metadata.create_summary_metadata())


def _chart(title: str, group: str, rest: str | tuple[str, str], tags: set[str]) -> Chart | None:
    chart = Chart(title=title)
    if isinstance(rest, tuple):
        lower, upper = (f"{group}/{each}" for each in rest)
        chart.margin.series.add(value=lower, lower=lower, upper=upper)
        return chart if tags.issuperset((lower, upper)) else None
    pattern = f"{group}/{rest}"
    chart.multiline.tag.append(f"^{pattern}$")
    return chart if any(re.fullmatch(pattern, tag) for tag in tags) else None
