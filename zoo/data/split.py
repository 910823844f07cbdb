"""What a part of a data set can do, whether it lies in memory or is streamed."""

from collections.abc import Callable
from typing import Protocol, Self

import keras
import numpy as np
import tensorflow as tf

__all__ = ["Split", "endless", "in_fixed_order", "one_epoch"]


class Split(Protocol):
    """Examples and their labels in a fixed order.

    Every `tf.data.Dataset` made from it holds batches: features `(batch, *input_shape)` float32
    and labels `(batch,)` int32; the last batch of a pass may be smaller.
    """

    @property
    def labels(self) -> np.ndarray:
        """The labels in order, `(size,)` int32, from 0 to the number of classes - 1."""
        ...

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        ...

    @property
    def size(self) -> int:
        """The number of examples."""
        ...

    @property
    def in_memory(self) -> bool:
        """Whether the examples are held as arrays."""
        ...

    def subset(self, mask: np.ndarray) -> Self:
        """The examples where `mask`, `(size,)` bool, is true, in their order."""
        ...

    def standardized(self, layer: keras.layers.Normalization) -> Self:
        """The same examples after `layer`."""
        ...

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """One pass in the fixed order."""
        ...

    def epoch(self, number: tf.Tensor, batch_size: int, *, seed: int) -> tf.data.Dataset:
        """One pass in the random order that belongs to `seed` and `number`, a scalar int64."""
        ...


def endless(epoch: Callable[[tf.Tensor], tf.data.Dataset], first_epoch: int) -> tf.data.Dataset:
    """Chains `epoch(first_epoch)`, `epoch(first_epoch + 1)`, ... without end.

    Args:
        epoch: makes the batches of one pass from its number, a scalar int64 tensor.
        first_epoch: the number of the first pass.
    """
    passes = tf.data.Dataset.counter(first_epoch).flat_map(epoch)
    unbounded = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    return in_fixed_order(passes.apply(unbounded))


def one_epoch(epoch: Callable[[tf.Tensor], tf.data.Dataset], steps: int) -> tf.data.Dataset:
    """A single pass: `epoch(0)` when it is first iterated over, then `epoch(1)`, ...

    Args:
        epoch: makes the batches of one pass from its number, a scalar int64 tensor.
        steps: the number of batches in a pass.
    """
    # Not `shuffle(reshuffle_each_iteration=True)`, whose order a global seed changes.
    finished = tf.Variable(tf.constant(-1, tf.int64), trainable=False)
    number = tf.data.Dataset.range(1).map(lambda _: finished.assign_add(1))
    bounded = tf.data.experimental.assert_cardinality(steps)
    return in_fixed_order(number.flat_map(epoch).apply(bounded))


def in_fixed_order(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Reads ahead, but never trades the order of the batches for speed."""
    options = tf.data.Options()
    options.deterministic = True
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)
