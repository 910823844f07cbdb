"""The picture of training samples, as they are and as augmentation makes them."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from .figure import draw_sample, new_figure
from .labelled import Labelled

__all__ = ["grid"]

_COLUMNS = 8
_DRAWS = 3


def grid(
    samples: Labelled,
    class_names: Sequence[str] | None = None,
    augmentation: Callable[..., Any] | None = None,
) -> Any:
    """A figure of up to 32 samples, eight in a row.

    With `augmentation` the first row holds eight samples, and three rows below what becomes of
    each: always the same, and without touching the state of the augmentation's random generators.
    """
    few = Labelled(samples.x[:_COLUMNS], None if samples.y is None else samples.y[:_COLUMNS])
    rows = [samples.x[i : i + _COLUMNS] for i in range(0, min(len(samples), 32), _COLUMNS)]
    if augmentation is not None:
        rows = [few.x, *(_augmented(augmentation, few.x, draw) for draw in range(_DRAWS))]
    figure = new_figure(0.6 * len(rows[0]) + 0.2, 0.7 * len(rows))
    axes = figure.subplots(len(rows), len(rows[0]), squeeze=False)
    for row, line in enumerate(axes):
        for column, place in enumerate(line):
            if column >= len(rows[row]):
                place.set_axis_off()
                continue
            draw_sample(place, rows[row][column])
            index = column if augmentation is not None else row * _COLUMNS + column
            if samples.y is not None and (row == 0 or augmentation is None):
                place.set_title(_name(samples.y[index], class_names), fontsize=8)
    for row in range(1, len(rows) if augmentation is not None else 0):
        axes[row][0].set_ylabel("augmented", fontsize=7)
    return figure


def _name(label: int, class_names: Sequence[str] | None) -> str:
    return str(class_names[label]) if class_names else str(label)


def _augmented(augmentation: Callable[..., Any], x: np.ndarray, draw: int) -> np.ndarray:
    seeds = _seeds(augmentation)
    kept = [np.asarray(keras.ops.convert_to_numpy(seed)) for seed in seeds]
    try:
        for number, seed in enumerate(seeds):
            seed.assign(np.array([number, draw], kept[number].dtype))
        made = augmentation(keras.ops.convert_to_tensor(x), training=True)
        return np.asarray(keras.ops.convert_to_numpy(made))
    finally:
        for seed, value in zip(seeds, kept, strict=True):
            seed.assign(value)


def _seeds(augmentation: Any) -> list[Any]:
    """The states of the random generators of a layer and of all layers in it."""
    if not isinstance(augmentation, keras.layers.Layer):
        return []
    return [v for v in augmentation.variables if v.path.endswith("seed_generator_state")]
