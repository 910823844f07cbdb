"""`row_seconds`: how long models take for one row, without what a server adds."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ..gates.timing import medians

if TYPE_CHECKING:
    import keras

__all__ = ["row_seconds"]

_ROUNDS = 20
_FREE_SIZE = 32  # of an axis that the model leaves open


def row_seconds(models: Sequence["keras.Model"]) -> list[float]:
    """The median seconds in which each model answers one row, as a graph, asked in turns.

    Args:
        models: of the same inputs.
    """
    row = [
        tf.zeros([1, *(size or _FREE_SIZE for size in tensor.shape[1:])], tensor.dtype)
        for tensor in models[0].inputs
    ]
    return medians([functools.partial(_traced(model), row) for model in models], _ROUNDS)


def _traced(model: "keras.Model") -> Any:
    return tf.function(lambda row: model(row if len(row) > 1 else row[0], training=False))
