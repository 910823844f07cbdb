"""`Predictions`: pictures of a classifier's predictions on validation samples."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from scipy.special import softmax
from scipy.stats import entropy
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore

from ...core.calibration import calibration_bins, expected_calibration_error
from . import summaries
from .samples import SampleSet, draw_sample
from .summaries import new_figure

_BINS = 10  # of the reliability diagram
_THRESHOLDS = 101  # of curves of precision and recall
_MAX_CLASSES = 20  # with a curve each, and with legible counts in the confusion matrix
_COLUMNS = 6  # of the picture of mistakes


class Predictions:
    """The predictions of a model on validation samples, as summaries.

    The arguments are those of `TensorBoard`.
    """

    def __init__(
        self,
        samples: SampleSet,
        class_names: Sequence[str] | None = None,
        from_logits: bool | None = None,
    ):
        if samples.y is None:
            raise ValueError("`validation` must be samples with labels (x, y). Received: only x")
        self.x, self.y = samples.x, samples.y
        self.class_names = class_names
        self.from_logits = from_logits

    def predict(self, model: keras.Model) -> tuple[np.ndarray, list[str]]:
        """Return the probabilities `(samples, classes)` of a model, and the class names."""
        p = probabilities(model, self.x, from_logits=self.from_logits)
        classes = p.shape[1]
        names = [str(n) for n in (range(classes) if self.class_names is None else self.class_names)]
        if len(names) != classes or self.y.max() >= classes:
            raise ValueError(
                "`class_names` and the labels of `validation` must match the model, which has "
                f"{classes} classes. Received: {len(names)} names and labels up to {self.y.max()}"
            )
        return p, names

    def draw(self, model: keras.Model) -> list[Summary]:
        """Return the summaries, or none if a prediction is not finite."""
        p, names = self.predict(model)
        if not np.isfinite(p).all():
            return []
        return [
            summaries.figure("predictions/confusion_matrix", confusion_matrix(self.y, p, names)),
            summaries.figure("predictions/reliability", reliability_diagram(self.y, p)),
            summaries.figure("predictions/mistakes", mistakes(self.x, self.y, p, names)),
            summaries.scalars({"calibration/error": expected_calibration_error(p, self.y, _BINS)}),
            *precision_recall_curves(self.y, p, names),
        ]


def probabilities(model: keras.Model, x: Any, *, from_logits: bool | None = None) -> np.ndarray:
    """Return the class probabilities `(samples, classes)` of a model, in inference mode.

    An output `(samples, 1)` is the probability or the logit of the second of two classes.
    """
    loss = getattr(model, "loss", None)
    if from_logits is None:  # Keras' losses by name take probabilities
        from_logits = False if isinstance(loss, str) else getattr(loss, "from_logits", None)
    if from_logits is None:
        raise ValueError(
            "`from_logits` must be True or False if the loss of the model does not tell. "
            f"Received: from_logits=None, loss={loss!r}"
        )
    scores = np.asarray(model.predict(x, verbose=0), "float64")
    if scores.ndim != 2:
        raise ValueError(
            "`validation` needs a classifier with outputs (samples, classes). "
            f"Received: outputs of shape {scores.shape}"
        )
    if scores.shape[1] == 1:
        scores = np.concatenate([0 * scores if from_logits else 1 - scores, scores], 1)
    if from_logits:
        return softmax(scores, axis=1)
    sums = scores.sum(axis=1)
    if np.isfinite(scores).all() and (scores.min() < 0 or not np.allclose(sums, 1, atol=0.02)):
        raise ValueError(
            "`validation` needs a classifier whose outputs are probabilities that sum to 1, or "
            "logits with from_logits=True. "
            f"Received: a row with the sum {sums[np.argmax(np.abs(sums - 1))]:g}, and the smallest "
            f"output {scores.min():g}"
        )
    return scores


# The functions below take the samples x (samples, ...), the classes y (samples,), the probabilities
# p (samples, classes) and the names of the classes.


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
    if len(counts) <= _MAX_CLASSES:
        ticks = range(len(counts))
        axes.set_xticks(ticks, class_names, rotation=90 if max(map(len, class_names)) > 3 else 0)
        axes.set_yticks(ticks, class_names)
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if fraction[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=7)
    return figure


def reliability_diagram(y: np.ndarray, p: np.ndarray) -> Any:
    """Return a figure of accuracy over confidence, with the samples per bin below."""
    count, accuracy, _ = calibration_bins(p, y, _BINS)
    error = expected_calibration_error(p, y, _BINS)
    figure = new_figure(4, 4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    middle = (np.arange(_BINS) + 0.5) / _BINS
    filled = count > 0
    above.bar(middle[filled], accuracy[filled], width=0.9 / _BINS, color="tab:blue")
    above.plot([0, 1], [0, 1], color="gray", linestyle="--", linewidth=1)
    above.set(ylabel="accuracy", ylim=(0, 1), title=f"expected calibration error {error:.3f}")
    below.bar(middle, count, width=0.9 / _BINS, color="tab:gray")
    below.set(xlabel="confidence", ylabel="samples", xlim=(0, 1))
    return figure


def mistakes(x: np.ndarray, y: np.ndarray, p: np.ndarray, class_names: Sequence[str]) -> Any:
    """Return a figure of the most confident mistakes and the most uncertain predictions."""
    predicted, confidence = p.argmax(1), p.max(1)
    wrong = np.flatnonzero(predicted != y)
    mistaken = f"misclassified ({len(wrong)} of {len(y)}), most confident first"
    rows = {
        mistaken: wrong[np.argsort(-confidence[wrong])],
        "most uncertain (entropy)": np.argsort(-entropy(p, axis=1), kind="stable"),
    }
    figure = new_figure(0.9 * _COLUMNS, 3.4)
    for part, (title, order) in zip(figure.subfigures(2, 1), rows.items(), strict=True):
        part.suptitle(title if len(order) else "no sample is misclassified", fontsize=9)
        places = part.subplots(1, _COLUMNS)
        for place, index in zip(places, order[:_COLUMNS].tolist(), strict=False):
            draw_sample(place, x[index])
            true, guess = class_names[int(y[index])], class_names[int(predicted[index])]
            title = f"{true}, predicted\n{guess}: {confidence[index]:.2f}"
            place.set_title(title, fontsize=7)
        for place in part.axes[len(order) :]:
            place.set_axis_off()
    return figure


def precision_recall_curves(
    y: np.ndarray, p: np.ndarray, class_names: Sequence[str]
) -> list[Summary]:
    """Return a micro-averaged curve of precision over recall, and one for each of few classes."""
    from tensorboard.plugins.pr_curve import summary  # imports TensorFlow

    truth = np.eye(p.shape[1], dtype=bool)[y]
    curves = {"all classes": (truth.ravel(), p.ravel())}
    if len(class_names) <= _MAX_CLASSES:
        curves |= {str(name): (truth[:, k], p[:, k]) for k, name in enumerate(class_names)}
    made = []
    for name, curve in curves.items():
        pb = summary.pb(f"precision_recall/{name}", *curve, num_thresholds=_THRESHOLDS)
        # TensorBoard returns TensorFlow's copy of the class.
        made.append(Summary.FromString(pb.SerializeToString()))
    return made
