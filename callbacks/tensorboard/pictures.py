"""`Pictures`: what a classifier does on validation samples, as summaries."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from . import summaries
from .confusion import confusion
from .figure import to_png
from .labelled import Labelled
from .mistakes import mistakes
from .precision_recall import precision_recall_curves
from .probabilities import probabilities
from .protos import Summary
from .reliability import calibration_error, reliability

__all__ = ["Pictures", "picture"]


def picture(tag: str, figure: Any) -> Summary:
    """A figure as a summary."""
    return summaries.image(tag, *to_png(figure))


class Pictures:
    """Draws a model's answers to validation samples.

    Args:
        samples: with their classes.
        class_names: of all classes; their numbers by default.
        from_logits: see `probabilities`.

    Raises:
        ValueError: the samples have no classes.
    """

    def __init__(
        self,
        samples: Labelled,
        class_names: Sequence[str] | None = None,
        from_logits: bool | None = None,
    ):
        if samples.y is None:
            raise ValueError("validation must be samples with labels (x, y). Received: only x")
        self.x, self.y = samples.x, samples.y
        self.class_names = class_names
        self.from_logits = from_logits

    def names(self, classes: int) -> list[str]:
        """The name of each class.

        Raises:
            ValueError: there are not as many as the model has classes, or a label is beyond them.
        """
        names = [str(n) for n in (range(classes) if self.class_names is None else self.class_names)]
        if len(names) != classes or self.y.max() >= classes:
            raise ValueError(
                f"The model answers {classes} classes; class_names and the labels of validation "
                f"must fit. Received: {len(names)} names and labels up to {self.y.max()}"
            )
        return names

    def answers(self, model: keras.Model) -> np.ndarray:
        """The probabilities `(samples, classes)` that a model gives the samples."""
        return probabilities(model, self.x, from_logits=self.from_logits)

    def draw(self, model: keras.Model) -> list[Summary]:
        """Confusion matrix, reliability diagram, mistakes, curves of precision over recall."""
        p = self.answers(model)
        names = self.names(p.shape[1])
        if not np.isfinite(p).all():
            return []  # diverged: there are no answers to draw
        return [
            picture("answers/confusion_matrix", confusion(self.y, p, names)),
            picture("answers/reliability", reliability(self.y, p)),
            picture("answers/mistakes", mistakes(self.x, self.y, p, names)),
            summaries.scalar("calibration/error", calibration_error(self.y, p)),
            *precision_recall_curves(self.y, p, names),
        ]
