"""The picture of the confusion matrix."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .figure import new_figure

__all__ = ["confusion"]

_WRITTEN = 20  # classes up to which the numbers are legible


def confusion(y: np.ndarray, p: np.ndarray, class_names: Sequence[str]) -> Any:
    """A figure of the counts, colored by their share of the true class."""
    from sklearn.metrics import confusion_matrix  # here, since it takes a second to import

    counts = confusion_matrix(y, p.argmax(1), labels=range(p.shape[1]))
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = min(2 + 0.2 * len(counts), 9)
    figure = new_figure(size + 0.5, size)
    axes = figure.subplots()
    picture = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(picture, ax=axes, label="share of the true class")
    axes.set(xlabel="answered", ylabel="true", title=f"{counts.trace()} of {len(y)} are right")
    if len(counts) <= _WRITTEN:
        ticks = range(len(counts))
        axes.set_xticks(ticks, class_names, rotation=90 if max(map(len, class_names)) > 3 else 0)
        axes.set_yticks(ticks, class_names)
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=7)
    return figure
