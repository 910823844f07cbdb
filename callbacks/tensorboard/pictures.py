"""`Pictures`: what `TensorBoard` shows of the predictions for one task, and shared figures."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore

from .samples import draw_sample
from .summaries import new_figure

BINS = 10  # of a reliability diagram
MAX_NAMES = 20  # with a curve each, and with legible numbers in a matrix
_THRESHOLDS = 101  # of curves of precision and recall
_COLUMNS = 6  # of a gallery


class Pictures(abc.ABC):
    """The pictures of one task.

    The samples are `x` `(samples, ...)`; `names` are those of the classes, labels or targets.
    """

    @abc.abstractmethod
    def targets(self, y: np.ndarray, argument: str) -> np.ndarray:
        """Return the numbers `y` of a data set as targets; errors name its `argument`."""

    @abc.abstractmethod
    def predictions(self, outputs: np.ndarray, loss: Any, from_logits: bool | None) -> np.ndarray:
        """Return the outputs `(samples, units)` of a model with a `loss` as predictions."""

    @abc.abstractmethod
    def default_names(self, columns: int) -> list[str]:
        """Return names for as many columns of predictions."""

    def match(self, y: np.ndarray, columns: int) -> bool:
        """Return whether targets belong to predictions of that number of columns."""
        return y.shape[1] == columns

    @abc.abstractmethod
    def texts(self, y: np.ndarray, names: Sequence[str] | None) -> list[str]:
        """Return the targets of each sample as a short text."""

    @abc.abstractmethod
    def table(self, y: np.ndarray, p: np.ndarray, names: Sequence[str]) -> dict[str, Sequence[str]]:
        """Return columns of true and predicted values, for the Projector."""

    @abc.abstractmethod
    def draw(
        self, x: np.ndarray, y: np.ndarray, p: np.ndarray, names: Sequence[str]
    ) -> list[Summary]:
        """Return the summaries of targets `y` and predictions `p`."""


def logits_of(loss: Any, from_logits: bool | None) -> bool:
    """Return whether a model returns logits: as told, or as its compiled loss says."""
    if from_logits is None:  # Keras' losses by name take probabilities
        from_logits = False if isinstance(loss, str) else getattr(loss, "from_logits", None)
    if from_logits is None:
        raise ValueError(
            "`from_logits` must be True or False if the loss of the model does not tell. "
            f"Received: from_logits=None, loss={loss!r}"
        )
    return from_logits


def gallery(
    x: np.ndarray, rows: Mapping[str, tuple[np.ndarray, Sequence[str]]], width: float = 0.9
) -> Any:
    """Return a figure with rows of samples: by title, their indices and all samples' captions.

    `width` is that of a sample, in inches.
    """
    figure = new_figure(width * _COLUMNS, 1.7 * len(rows))
    parts = figure.subfigures(len(rows), 1, squeeze=False).ravel()
    for part, (title, (order, captions)) in zip(parts, rows.items(), strict=True):
        part.suptitle(title, fontsize=9)
        places = part.subplots(1, _COLUMNS)
        for place, index in zip(places, order[:_COLUMNS].tolist(), strict=False):
            draw_sample(place, x[index])
            place.set_title(captions[index], fontsize=7)
        for place in part.axes[len(order) :]:
            place.set_axis_off()
    return figure


def reliability_diagram(
    counts: np.ndarray, observed: np.ndarray, title: str, labels: tuple[str, str, str]
) -> Any:
    """Return a figure of the observed share over the predicted one, with the counts below.

    Args:
        counts, observed: The numbers and observed shares of bins of equal width in [0, 1].
        title: The title.
        labels: What is predicted, what is observed, and what is counted.
    """
    figure = new_figure(4, 4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    width = 1 / len(counts)
    middle = (np.arange(len(counts)) + 0.5) * width
    filled = counts > 0
    above.bar(middle[filled], observed[filled], width=0.9 * width, color="tab:blue")
    above.plot([0, 1], [0, 1], color="gray", linestyle="--", linewidth=1)
    above.set(ylabel=labels[1], ylim=(0, 1), title=title)
    below.bar(middle, counts, width=0.9 * width, color="tab:gray")
    below.set(xlabel=labels[0], ylabel=labels[2], xlim=(0, 1))
    return figure


def precision_recall_curves(
    truth: np.ndarray, p: np.ndarray, names: Sequence[str], of_all: str
) -> list[Summary]:
    """Return a micro-averaged curve of precision over recall, and one for each of few columns.

    `truth` are booleans and `p` probabilities `(samples, columns)`.
    """
    from tensorboard.plugins.pr_curve import summary  # imports TensorFlow

    curves = {of_all: (truth.ravel(), p.ravel())}
    if len(names) <= MAX_NAMES:
        curves |= {str(name): (truth[:, k], p[:, k]) for k, name in enumerate(names)}
    made = []
    for name, curve in curves.items():
        pb = summary.pb(f"precision_recall/{name}", *curve, num_thresholds=_THRESHOLDS)
        # TensorBoard returns TensorFlow's copy of the class.
        made.append(Summary.FromString(pb.SerializeToString()))
    return made


def predict(model: keras.Model, x: Any) -> np.ndarray:
    """Return the outputs `(samples, units)` of a model, in inference mode."""
    outputs = model.predict(x, verbose=0)
    if not isinstance(outputs, np.ndarray) or outputs.ndim != 2:
        shapes = [np.shape(part) for part in keras.tree.flatten(outputs)]
        raise ValueError(
            "`validation` needs a model with one output of shape (samples, units). "
            f"Received: outputs of shape {', '.join(map(str, shapes))}"
        )
    return np.asarray(outputs, "float64")
