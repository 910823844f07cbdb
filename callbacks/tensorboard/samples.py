"""Samples for `TensorBoard`, and pictures of them."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ...core.checks import message
from ..fit_data import as_array
from .summaries import new_figure

_COLUMNS = 8
_AUGMENTED_ROWS = 3
_TITLE_LINES = 2


@dataclass(frozen=True)
class SampleSet:
    """Samples `x` as an array `(samples, ...)`, and their labels `y` as numbers, if any."""

    x: np.ndarray
    y: np.ndarray | None

    @classmethod
    def gather(cls, source: Any, limit: int, argument: str) -> "SampleSet":
        """Return the first samples of an array `x`, a tuple `(x, y)`, or an iterable of batches.

        Errors name the `argument`.
        """
        batches = [source] if _is_batch(source) else source
        if isinstance(batches, dict) or not isinstance(batches, Iterable):
            raise ValueError(message(argument, source, "an array x, a tuple (x, y) or batches"))
        xs, ys, count = [], [], 0
        for batch in batches:
            x, y = _parts(batch, argument)
            xs.append(x[: limit - count])
            ys.append(None if y is None else y[: limit - count])
            count += len(xs[-1])
            if count >= limit:
                break
        if not count:
            raise ValueError(f"`{argument}` must have at least one sample. Received: none")
        labels = [y for y in ys if y is not None]
        return cls(np.concatenate(xs), np.concatenate(labels) if len(labels) == len(xs) else None)


def _is_batch(source: Any) -> bool:
    arrays = source if isinstance(source, tuple) else (source,)
    return all(hasattr(array, "shape") for array in arrays)


def _parts(batch: Any, argument: str) -> tuple[np.ndarray, np.ndarray | None]:
    parts = batch if isinstance(batch, tuple | list) else (batch,)
    if not _is_batch(tuple(parts)) or not 1 <= len(parts) <= 3:
        raise ValueError(
            f"A batch of `{argument}` must be an array x or a tuple (x, y). "
            f"Received: {[type(part).__name__ for part in parts]}"
        )
    x = as_array(parts[0])
    if len(parts) == 1:
        return x, None
    y = _numbers(as_array(parts[1]), argument)
    if len(x) != len(y):
        raise ValueError(
            f"`{argument}` must have a label per sample. Received: {len(x)} and {len(y)}"
        )
    return x, y


def _numbers(y: np.ndarray, argument: str) -> np.ndarray:
    if y.dtype.kind in "biuf":
        return y
    try:  # texts, or objects that may be numbers
        return y.astype("float64")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The labels of `{argument}` must be numbers, such as `y` of `names, y = "
            "np.unique(labels, return_inverse=True)`, with class_names=names. "
            f"Received: {y.flat[0]!r}"
        ) from error


def draw_sample(axes: Any, x: np.ndarray) -> None:
    """Draw a sample: `(features,)` and `(time, channels)` as curves, an image, or a text."""
    axes.set_xticks([])
    axes.set_yticks([])
    if np.asarray(x).dtype.kind in "OSU":
        words = [part.decode() if isinstance(part, bytes) else str(part) for part in np.ravel(x)]
        text = textwrap.fill(" ".join(words), 15, max_lines=7, placeholder=" …")
        axes.text(0.05, 0.95, text, va="top", fontsize=5, transform=axes.transAxes, clip_on=True)
        return
    x = np.asarray(x, "float32")
    if x.ndim <= 2:
        axes.plot(x, linewidth=1)
    elif x.ndim == 3:
        low, high = float(x.min()), float(x.max())
        scaled = (x - low) / (high - low or 1.0)
        colored = scaled.shape[-1] == 3
        axes.imshow(scaled if colored else scaled[..., 0], cmap=None if colored else "gray")
    else:
        raise ValueError(
            "A sample must have the shape (features,), (time, channels) or (height, width, "
            f"channels). Received: shape {x.shape}"
        )


def grid(
    samples: SampleSet,
    titles: Sequence[str] | None = None,
    augmentation: Callable[..., Any] | None = None,
) -> Any:
    """Return a figure of up to 32 samples, or of eight and three rows of augmented versions.

    `titles` holds a text for each sample.

    The augmented versions are the same in every call, which leaves the layer's random state as is.
    """
    starts = range(0, min(len(samples.x), 32), _COLUMNS)
    rows = [samples.x[start : start + _COLUMNS] for start in starts]
    if augmentation is not None:
        rows = [rows[0], *(_augmented(augmentation, rows[0], i) for i in range(_AUGMENTED_ROWS))]
    shown = [_short(title) for title in titles or ()]
    lines = 1 + max((title.count("\n") for title in shown), default=0)
    figure = new_figure(0.65 * len(rows[0]) + 0.2, (0.55 + 0.15 * lines) * len(rows))
    axes = figure.subplots(len(rows), len(rows[0]), squeeze=False)
    for place in axes.flat:
        place.set_axis_off()
    for row, line in enumerate(rows):
        is_augmented = augmentation is not None and row > 0
        for column, x in enumerate(line):
            place = axes[row, column]
            place.set_axis_on()
            draw_sample(place, x)
            if shown and not is_augmented:
                place.set_title(shown[row * _COLUMNS + column], fontsize=8)
        if is_augmented:
            axes[row, 0].set_ylabel("augmented", fontsize=7)
    return figure


def _short(title: str) -> str:
    """Return a title in the width of a sample: two lines, and the number of others."""
    lines = [f"{line[:8]}…" if len(line) > 9 else line for line in title.split("\n")]
    more = len(lines) - _TITLE_LINES
    return "\n".join(lines[:_TITLE_LINES]) + (f" +{more}" if more > 0 else "")


def _augmented(augmentation: Callable[..., Any], x: np.ndarray, draw: int) -> np.ndarray:
    """Return augmented samples, with seeds that depend on `draw` only."""
    is_layer = isinstance(augmentation, keras.layers.Layer)
    variables = augmentation.variables if is_layer else []
    seeds = [v for v in variables if v.path.endswith("seed_generator_state")]
    before = [np.asarray(keras.ops.convert_to_numpy(seed)) for seed in seeds]
    try:
        for number, seed in enumerate(seeds):
            seed.assign(np.array([number, draw], before[number].dtype))
        made = augmentation(keras.ops.convert_to_tensor(x), training=True)
        return np.asarray(keras.ops.convert_to_numpy(made))
    finally:
        for seed, value in zip(seeds, before, strict=True):
            seed.assign(value)
