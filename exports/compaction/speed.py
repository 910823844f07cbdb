"""`row_seconds`: how long graphs take for one row, without what a server adds."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..gates.sample import features
from ..gates.speed import medians

__all__ = ["row_seconds"]

_ROUNDS = 20


def row_seconds(
    functions: Sequence[Callable[[Any], Any]], specs: Mapping[str, tf.TensorSpec]
) -> list[float]:
    """The median seconds in which each function, as a graph, answers one row, asked in turns.

    Args:
        functions: of features by name.
        specs: the inputs by name.
    """
    row = {name: tf.constant(array) for name, array in features(specs, 1).items()}
    graphs = [tf.function(function, autograph=False) for function in functions]
    return medians([functools.partial(graph, row) for graph in graphs], _ROUNDS)
