"""`Labelled`: a few samples with their classes, as arrays."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..fit_data import as_array

__all__ = ["Labelled"]


@dataclass(frozen=True)
class Labelled:
    """Samples, and their classes if they have any.

    Args:
        x: `(samples, ...)`.
        y: classes `(samples,)`, integers, or `None`.
    """

    x: np.ndarray
    y: np.ndarray | None

    @classmethod
    def gather(cls, source: Any, limit: int, argument: str) -> "Labelled":
        """The first samples of a source.

        Args:
            source: an array `x`; a tuple `(x, y)` of arrays; or an iterable of batches of these,
                such as a `tf.data.Dataset`. Arrays are of any form that Keras takes. `y` holds
                classes as integers, or rows of probabilities, of which the greatest counts.
            limit: the greatest number of samples.
            argument: the name of the argument, for errors.

        Raises:
            ValueError: the source is none of these, or empty; or its labels are texts, targets of
                a regression, or several a sample.

        >>> Labelled.gather((np.zeros((4, 2)), np.eye(4)), 3, "validation").y.tolist()
        [0, 1, 2]
        """
        batches = [source] if _is_batch(source) else source
        if isinstance(batches, dict) or not isinstance(batches, Iterable):
            raise ValueError(
                f"{argument} must be arrays x or (x, y), or batches of them. "
                f"Received: {type(source).__name__}"
            )
        xs, ys, count = [], [], 0
        for batch in batches:
            x, y = _parts(batch, argument)
            xs.append(x[: limit - count])
            ys.append(None if y is None else y[: limit - count])
            count += len(xs[-1])
            if count >= limit:
                break
        if not count:
            raise ValueError(f"{argument} must have at least one sample. Received: none")
        labels = [y for y in ys if y is not None]
        return cls(np.concatenate(xs), np.concatenate(labels) if len(labels) == len(xs) else None)

    def __len__(self) -> int:
        return len(self.x)


def _is_batch(source: Any) -> bool:
    arrays = source if isinstance(source, tuple) else (source,)
    return all(hasattr(array, "shape") for array in arrays)


def _parts(batch: Any, argument: str) -> tuple[np.ndarray, np.ndarray | None]:
    parts = batch if isinstance(batch, tuple | list) else (batch,)
    if not _is_batch(tuple(parts)) or not 1 <= len(parts) <= 3:
        raise ValueError(
            f"{argument} must have arrays x or (x, y) in a batch. "
            f"Received: {[type(part).__name__ for part in parts]}"
        )
    x = as_array(parts[0])
    if len(parts) == 1:
        return x, None
    y = _classes(as_array(parts[1]), argument)
    if len(x) != len(y):
        raise ValueError(
            f"{argument} must have a label for each sample. Received: {len(x)} and {len(y)}"
        )
    return x, y


def _classes(y: np.ndarray, argument: str) -> np.ndarray:
    if y.dtype.kind not in "biuf":  # texts, or objects that may be numbers
        try:
            y = y.astype("float64")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{argument} must have class numbers for labels; of names make them by "
                "np.unique(labels, return_inverse=True), and give the names as class_names. "
                f"Received: labels such as {y.flat[0]!r}"
            ) from error
    if y.ndim == 2 and y.shape[1] > 1:
        sums = y.sum(1, dtype="float64")
        if (y < 0).any() or not np.allclose(sums, 1, atol=1e-3):
            raise ValueError(
                f"{argument} must have one class a sample for labels, as numbers or as rows of "
                "probabilities that sum to 1: several labels a sample, and targets of a "
                "regression, are not drawn. Received: a row that sums to "
                f"{sums[np.argmax(np.abs(sums - 1))]:g}"
            )
        return y.argmax(1)
    y = y.reshape(len(y), -1)
    if y.shape[1] != 1 or (y != np.round(y)).any() or (y < 0).any():
        raise ValueError(
            f"{argument} must have classes for labels: integers from 0, or a column each. "
            f"Received: shape {y.shape}, such as {y.ravel()[:3].tolist()}"
        )
    return y[:, 0].astype(int)
