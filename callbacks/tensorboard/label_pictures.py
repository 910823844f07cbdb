"""`LabelPictures`: pictures of the predictions of several independent labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from . import summaries
from .pictures import (
    BINS,
    MAX_NAMES,
    Pictures,
    gallery,
    logits_of,
    precision_recall_curves,
    reliability_diagram,
)
from .summaries import new_figure

_BARS = 30  # of F1 scores
_LINES = 3  # labels in the caption of a sample


class LabelPictures(Pictures):
    """F1 scores, co-occurrence, reliability, worst samples, and curves of precision over recall.

    Targets are booleans, predictions probabilities `(samples, labels)`. A label is predicted from
    a probability of 0.5.
    """

    def targets(self, y, argument):
        if y.ndim != 2 or not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"The labels of `{argument}` must be a matrix (samples, labels) of 0 and 1 for "
                f"task='multilabel'. Received: {y.ravel()[:3].tolist()} in shape {y.shape}"
            )
        return y.astype(bool)

    def predictions(self, outputs, loss, from_logits):
        if logits_of(loss, from_logits):
            return expit(outputs)
        low, high = outputs.min(), outputs.max()
        if np.isfinite(outputs).all() and (low < 0 or high > 1):
            raise ValueError(
                "`validation` needs a model whose outputs are probabilities of labels, or logits "
                f"with from_logits=True. Received: outputs from {low:g} to {high:g}"
            )
        return outputs

    def default_names(self, columns):
        return [str(number) for number in range(columns)]

    def texts(self, y, names):
        all_names = self.default_names(y.shape[1]) if names is None else [*map(str, names)]
        found = [[all_names[k] for k in np.flatnonzero(row).tolist()] for row in y]
        return ["\n".join(each) or "none" for each in found]

    def table(self, y, p, names):
        return {"labels": self.texts(y, names), "prediction": self.texts(p >= 0.5, names)}

    def draw(self, x, y, p, names):
        count, observed, error = label_calibration(y, p)
        labels = ("probability of a label", "frequency", "labels")
        title = f"expected calibration error {error:.3f}"
        reliability = reliability_diagram(count, observed, title, labels)
        made = {"f1": f1_scores(y, p, names), "reliability": reliability}
        if len(names) <= MAX_NAMES:
            made["co_occurrence"] = co_occurrence(y, p, names)
        made["mistakes"] = mistakes(x, y, p, names)
        return [
            *(summaries.figure(f"predictions/{name}", figure) for name, figure in made.items()),
            summaries.scalars({"calibration/error": error}),
            *precision_recall_curves(y, p, names, "all labels"),
        ]


def label_calibration(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return counts and frequencies of bins of the probabilities of all labels, and their error.

    The error is the mean gap between frequency and mean probability, as in
    `expected_calibration_error` for classes.
    """
    index = np.minimum((p.ravel() * BINS).astype(int), BINS - 1)
    counts = np.bincount(index, minlength=BINS)
    true, sure = (np.bincount(index, each.ravel(), BINS) for each in (y, p))
    return counts, true / np.maximum(counts, 1), float(np.abs(true - sure).sum() / p.size)


def f1_scores(y: np.ndarray, p: np.ndarray, names: Sequence[str]) -> Any:
    """Return a figure of the F1 score of each label, the most frequent 30 labels at most."""
    from sklearn import metrics  # takes a second to import

    guess = p >= 0.5
    scores = np.asarray(metrics.f1_score(y, guess, average=None, zero_division=0))
    macro, micro = (
        metrics.f1_score(y, guess, average=a, zero_division=0) for a in ("macro", "micro")
    )
    count = y.sum(axis=0)
    shown = np.sort(np.argsort(-count, kind="stable")[:_BARS])
    figure = new_figure(5, 1.2 + 0.22 * len(shown))
    axes = figure.subplots()
    axes.barh(range(len(shown)), scores[shown], color="tab:blue")
    axes.set_yticks(range(len(shown)), [f"{names[k]} ({count[k]})" for k in shown], fontsize=8)
    title = f"F1 from a probability of 0.5: macro {macro:.3f}, micro {micro:.3f}"
    if len(scores) > _BARS:
        title += f"\nmost frequent {_BARS} of {len(scores)} labels"
    axes.set_title(title, fontsize=9)
    axes.set(xlim=(0, 1), ylim=(len(shown) - 0.4, -0.6), xlabel="F1 (in brackets: samples)")
    return figure


def co_occurrence(y: np.ndarray, p: np.ndarray, names: Sequence[str]) -> Any:
    """Return a figure of how often a label comes with another, for true and predicted labels."""
    size = min(2 + 0.2 * len(names), 6)
    figure = new_figure(2 * size + 0.8, size + 0.3)
    places = figure.subplots(1, 2, sharey=True)
    for axes, (title, labels) in zip(
        places, {"true": y, "predicted": p >= 0.5}.items(), strict=True
    ):
        joint = labels.T.astype(float) @ labels
        share = joint / np.maximum(np.diag(joint)[:, None], 1)
        picture = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set(title=f"{title} labels", xlabel="... that also have")
        for (row, column), value in np.ndenumerate(share):
            color = "white" if value > 0.5 else "black"
            text = f"{value:.2f}".replace("0.", ".").replace("1.00", "1")
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=6)
    places[0].set_ylabel("samples with ...")
    figure.colorbar(picture, ax=places, shrink=0.8)  # pyright: ignore[reportPossiblyUnboundVariable]
    return figure


def mistakes(x: np.ndarray, y: np.ndarray, p: np.ndarray, names: Sequence[str]) -> Any:
    """Return a figure of the samples with the largest log loss, with their worst labels."""
    wrong = (p >= 0.5) != y
    losses = -np.log(np.clip(np.where(y, p, 1 - p), 1e-15, 1))
    captions = []
    for row in range(len(y)):
        worst = [k for k in np.argsort(-losses[row]).tolist() if wrong[row, k]]
        lines = [
            f"{'missed' if y[row, k] else 'wrong'} {names[k][:12]} {p[row, k]:.2f}"
            for k in worst[:_LINES]
        ]
        more = f" +{len(worst) - _LINES}" if len(worst) > _LINES else ""
        captions.append("\n".join(lines) + more if lines else "all right")
    title = f"largest log loss ({wrong.any(axis=1).sum()} of {len(y)} with a wrong label)"
    order = np.argsort(-losses.mean(axis=1), kind="stable")
    return gallery(x, {title: (order, captions)}, width=1.4)
