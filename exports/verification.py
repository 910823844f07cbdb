"""Does the written model say what the model in memory says? Asked before anybody can see it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from .errors import ExportError
from .predictor import Predictor

__all__ = ["check_same_answers"]

_BATCHES = (1, 3, 32)  # alone, an odd few, a batch; the last one holds the others
_FREE_SIZE = 32  # of an axis that the model leaves open: long enough for a few poolings
_TOLERANCE = {"bfloat16": 1e-2, "float16": 1e-3}  # a few roundings of the logits
_FLOAT32_TOLERANCE = 1e-5


def check_same_answers(
    predictor: Predictor, expected: Callable[[Mapping[str, np.ndarray]], np.ndarray], precision: str
) -> None:
    """Compares a reloaded export with the model it was made from, asked for 1, 3 and 32 rows.

    Probabilities may differ by 1e-5 times the size of the logits behind them (1e-3 in float16,
    1e-2 in bfloat16); class ids only where the two best classes are about as close as that.

    Args:
        predictor: the export, reloaded.
        expected: from features by name to the `(n, classes)` probabilities that are right.
        precision: the dtype in which the model computes.

    Raises:
        ExportError: they differ, or are no probabilities.
    """
    features = _sample(predictor.inputs, max(_BATCHES))
    right = expected(features)
    _check_probabilities(right)
    tolerance = _tolerance(right, precision)
    for rows in _BATCHES:
        answer = predictor.predict({name: array[:rows] for name, array in features.items()})
        _check_close(answer["probabilities"], right[:rows], tolerance[:rows])
        _check_class_ids(answer["class_id"], right[:rows], tolerance[:rows])


def _sample(specs: Mapping[str, tf.TensorSpec], rows: int) -> dict[str, np.ndarray]:
    """The same positive features each time: log-normal floats; 0 and 1 where integers are taken.

    Positive, since a preprocessing may take a root or a logarithm; no integer above 1, since an
    embedding may be small.
    """
    generator = np.random.default_rng(0)
    sample = {}
    for name, spec in specs.items():
        shape = (rows, *(size or _FREE_SIZE for size in spec.shape[1:]))
        values = generator.lognormal(sigma=0.5, size=shape)
        dtype = spec.dtype.as_numpy_dtype
        sample[name] = (values if spec.dtype.is_floating else values > 1).astype(dtype)
    return sample


def _check_probabilities(right: np.ndarray) -> None:
    sums = right.sum(axis=-1)
    if not np.all(np.abs(sums - 1) < 1e-2) or right.min() < 0:
        raise ExportError(
            "Expected probabilities of exclusive classes, none negative and each row with the sum "
            f"1. Received: sums from {sums.min():.3g} to {sums.max():.3g} and a smallest of "
            f"{right.min():.3g} from model.predict on a sample batch"
        )


def _tolerance(right: np.ndarray, precision: str) -> np.ndarray:
    """One a row, scaled by its largest |log p|: the size of the logits whose rounding p shows."""
    logits = -np.log(np.maximum(right.min(axis=-1), np.finfo(np.float32).tiny))
    return _TOLERANCE.get(precision, _FLOAT32_TOLERANCE) * np.maximum(1.0, logits)


def _check_close(probabilities: np.ndarray, right: np.ndarray, tolerance: np.ndarray) -> None:
    difference = np.abs(probabilities - right).max(axis=-1)
    if not np.all(difference <= tolerance):
        row = np.argmax(difference - tolerance)
        raise ExportError(
            f"Expected the probabilities of model.predict within {tolerance[row]:.1e}. "
            f"Received: a difference of {difference[row]:.1e} in row {row} of {len(right)}"
        )


def _check_class_ids(class_ids: Any, right: np.ndarray, tolerance: np.ndarray) -> None:
    best = np.sort(right, axis=-1)
    clear = best[:, -1] - best[:, -2] > 2 * tolerance
    wrong = clear & (class_ids != right.argmax(axis=-1))
    if wrong.any():
        raise ExportError(
            f"Expected the class ids {right.argmax(axis=-1)[wrong]}. Received: {class_ids[wrong]}"
        )
