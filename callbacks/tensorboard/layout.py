"""The layout of the Custom Scalars dashboard."""

import re
from collections.abc import Iterable

from tensorboard.plugins.custom_scalar import metadata

from . import summaries
from .protos import Layout, Summary

__all__ = ["layout"]

# Category: its charts, a pattern of tags each.
_CHARTS = {
    "Generalization": {
        "Data loss": "loss/data",
        "Loss with penalty": "loss/total",
        "Metrics": "metrics/.*",
        "Gap between validation and train_eval": "gap/.*",
    },
    "Penalties": {
        "Penalty": "penalty/total",
        "Penalty of each layer": "penalty/(?!total$).*",
        "Rates": "rates/.*",
    },
    "Sparsity and norms": {
        "Share of zeros": "sparsity/.*",
        "Norms of weights": "weights/norm/.*",
        "Norms of gradients": "gradient_norm/.*",
        "Norms of gradients of the penalty": "penalty_gradient_norm/.*",
        "Sharpness": "sharpness/.*",
    },
}
_BAND = ("loss/data", "loss/data", "loss/total")  # value, lower, upper


def layout(tags: Iterable[str]) -> Summary:
    """A summary that lays out the charts of those tags that are logged, so that none is empty.

    One chart is a band from the data loss to the total loss: its height is the penalty.

    >>> summary = layout(["loss/total", "loss/data", "penalty/total"])
    >>> charts(summary.value[0].tensor.string_val[0])
    ['Data loss, and the penalty above it', 'Data loss', 'Loss with penalty', 'Penalty']
    """
    tags = set(tags)
    whole = Layout()
    for title, entries in _CHARTS.items():
        found = {name: p for name, p in entries.items() if any(re.fullmatch(p, t) for t in tags)}
        band = title == "Generalization" and tags.issuperset(_BAND)
        if found or band:
            category = whole.category.add(title=title)
            if band:
                series = category.chart.add(title="Data loss, and the penalty above it")
                series.margin.series.add(value=_BAND[0], lower=_BAND[1], upper=_BAND[2])
            for name, pattern in found.items():
                category.chart.add(title=name).multiline.tag.append(f"^{pattern}$")
    content = whole.SerializeToString()
    return summaries.tensor(
        metadata.CONFIG_SUMMARY_TAG, content, metadata.create_summary_metadata()
    )


def charts(content: bytes) -> list[str]:
    """The titles of the charts in a serialized layout."""
    whole = Layout.FromString(content)
    return [chart.title for category in whole.category for chart in category.chart]
