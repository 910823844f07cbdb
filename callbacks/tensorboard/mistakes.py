"""The picture of the validation samples that a classifier gets wrong or is unsure of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import entropy

from .figure import draw_sample, new_figure

__all__ = ["mistakes"]

_COLUMNS = 6


def mistakes(x: np.ndarray, y: np.ndarray, p: np.ndarray, class_names: Sequence[str]) -> Any:
    """A figure of two rows: the surest of the wrong answers, and the least sure answers.

    Args:
        x: samples.
        y: their classes `(samples,)`.
        p: the probabilities `(samples, classes)` that the model gave them.
        class_names: of the classes.
    """
    guess, sure = p.argmax(1), p.max(1)
    wrong = np.flatnonzero(guess != y)
    rows = {
        f"misclassified ({len(wrong)} of {len(y)}), surest first": wrong[np.argsort(-sure[wrong])],
        "most uncertain (entropy)": np.argsort(-entropy(p, axis=1), kind="stable"),
    }
    figure = new_figure(0.9 * _COLUMNS, 3.4)
    for part, (title, order) in zip(figure.subfigures(2, 1), rows.items(), strict=True):
        part.suptitle(title if len(order) else "no sample is misclassified", fontsize=9)
        places = part.subplots(1, _COLUMNS)
        for place, index in zip(places, order[:_COLUMNS].tolist(), strict=False):
            draw_sample(place, x[index])
            true, said = class_names[int(y[index])], class_names[int(guess[index])]
            place.set_title(f"{true}, said {said}:\n{sure[index]:.2f}", fontsize=7)
        for place in part.axes[len(order) :]:
            place.set_axis_off()
    return figure
