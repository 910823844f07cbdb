"""`ClassPictures`: pictures of the predictions of a classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import softmax
from scipy.stats import entropy

from ...core.calibration import calibration_bins, expected_calibration_error
from . import summaries
from .pictures import (
    BINS,
    MAX_NAMES,
    Pictures,
    gallery,
    logits_of,
    precision_recall_curves,
)
from .pictures import reliability_diagram as diagram
from .summaries import new_figure


class ClassPictures(Pictures):
    """Confusion matrix, reliability, mistakes and precision-recall curves.

    Targets are classes `(samples,)`, predictions probabilities `(samples, classes)`.
    """

    def targets(self, y, argument):
        if y.ndim == 2 and y.shape[1] > 1:
            sums = y.sum(1, dtype="float64")
            if (y < 0).any() or not np.allclose(sums, 1, atol=1e-3):
                raise ValueError(
                    f"The labels of `{argument}` must be classes or probabilities that sum to 1, "
                    "unless task='multilabel' or task='regression'. "
                    f"Received: a row with the sum {sums[np.argmax(np.abs(sums - 1))]:g}"
                )
            return y.argmax(1)
        flat = y.reshape(len(y), -1)
        if flat.shape[1] != 1 or (flat != np.round(flat)).any() or (flat < 0).any():
            raise ValueError(
                f"The labels of `{argument}` must be integers >= 0, or rows of probabilities. "
                f"Received: {flat.ravel()[:3].tolist()} in shape {y.shape}"
            )
        return flat[:, 0].astype(int)

    def predictions(self, outputs, loss, from_logits):
        """Take an output `(samples, 1)` for the second of two classes."""
        from_logits = logits_of(loss, from_logits)
        if outputs.shape[1] == 1:
            first = 0 * outputs if from_logits else 1 - outputs
            outputs = np.concatenate([first, outputs], 1)
        if from_logits:
            return softmax(outputs, axis=1)
        sums, low = outputs.sum(axis=1), outputs.min()
        if np.isfinite(outputs).all() and (low < 0 or not np.allclose(sums, 1, atol=0.02)):
            raise ValueError(
                "`validation` needs a classifier whose outputs are probabilities that sum to 1, or "
                "logits with from_logits=True. "
                f"Received: a row with the sum {sums[np.argmax(np.abs(sums - 1))]:g}, and the "
                f"smallest output {low:g}"
            )
        return outputs

    def default_names(self, columns):
        return [str(number) for number in range(columns)]

    def match(self, y, columns):
        return y.max() < columns

    def texts(self, y, names):
        return [str(names[label] if names else label) for label in y]

    def table(self, y, p, names):
        return {"class": self.texts(y, names), "prediction": self.texts(p.argmax(1), names)}

    def draw(self, x, y, p, names):
        truth = np.eye(p.shape[1], dtype=bool)[y]
        return [
            summaries.figure("predictions/confusion_matrix", confusion_matrix(y, p, names)),
            summaries.figure("predictions/reliability", reliability_diagram(y, p)),
            summaries.figure("predictions/mistakes", mistakes(x, y, p, names)),
            summaries.scalars({"calibration/error": expected_calibration_error(p, y, BINS)}),
            *precision_recall_curves(truth, p, names, "all classes"),
        ]


def confusion_matrix(y: np.ndarray, p: np.ndarray, class_names: Sequence[str]) -> Any:
    """Return a figure of the confusion matrix, colored by the fraction of the true class."""
    from sklearn import metrics  # takes a second to import

    counts = metrics.confusion_matrix(y, p.argmax(1), labels=range(p.shape[1]))
    fraction = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = min(2 + 0.2 * len(counts), 9)
    figure = new_figure(size + 0.5, size)
    axes = figure.subplots()
    picture = axes.imshow(fraction, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(picture, ax=axes, label="fraction of the true class")
    axes.set(xlabel="predicted", ylabel="true", title=f"{counts.trace()} of {len(y)} correct")
    if len(counts) <= MAX_NAMES:
        ticks = range(len(counts))
        axes.set_xticks(ticks, class_names, rotation=90 if max(map(len, class_names)) > 3 else 0)
        axes.set_yticks(ticks, class_names)
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if fraction[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=7)
    return figure


def reliability_diagram(y: np.ndarray, p: np.ndarray) -> Any:
    """Return a figure of accuracy over confidence, with the samples per bin below."""
    count, accuracy, _ = calibration_bins(p, y, BINS)
    title = f"expected calibration error {expected_calibration_error(p, y, BINS):.3f}"
    return diagram(count, accuracy, title, ("confidence", "accuracy", "samples"))


def mistakes(x: np.ndarray, y: np.ndarray, p: np.ndarray, class_names: Sequence[str]) -> Any:
    """Return a figure of the most confident mistakes and the most uncertain predictions."""
    predicted, confidence = p.argmax(1), p.max(1)
    wrong = np.flatnonzero(predicted != y)
    title = f"misclassified ({len(wrong)} of {len(y)}), most confident first"
    captions = [
        f"{class_names[true]}, predicted\n{class_names[guess]}: {part:.2f}"
        for true, guess, part in zip(y.tolist(), predicted.tolist(), confidence, strict=True)
    ]
    rows = {
        title if len(wrong) else "no sample is misclassified": wrong[
            np.argsort(-confidence[wrong])
        ],
        "most uncertain (entropy)": np.argsort(-entropy(p, axis=1), kind="stable"),
    }
    return gallery(x, {name: (order, captions) for name, order in rows.items()})
