"""A split whose examples are arrays in memory."""

from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

__all__ = ["ArraySplit"]

CHUNK = 4096  # examples standardized at once: bounds the memory of the float32 copies


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """A `Split` that holds all of its examples.

    Each epoch is one permutation and each batch one gather, so that a step costs tf.data one
    element instead of `batch_size`.

    Args:
        features: the examples, `(size, *input_shape)`, any real numeric type.
        labels: the classes, `(size,)` or `(size, 1)` int32.
    """

    features: np.ndarray
    labels: np.ndarray
    in_memory = True

    def __post_init__(self):
        if self.labels.shape == (len(self.features), 1):
            object.__setattr__(self, "labels", self.labels[:, 0])
        if self.labels.shape != (len(self.features),):
            raise ValueError(
                f"labels must have shape ({len(self.features)},), one for each of the features. "
                f"Received: {self.labels.shape}"
            )

    @property
    def size(self) -> int:
        """The number of examples."""
        return len(self.labels)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.features.shape[1:]

    def subset(self, mask: np.ndarray) -> "ArraySplit":
        """The examples where `mask` is true, in their order."""
        return ArraySplit(self.features[mask], self.labels[mask])

    def standardized(self, layer: keras.layers.Normalization) -> "ArraySplit":
        """The same examples after `layer`, as float32."""
        features = np.empty(self.features.shape, "float32")
        for start in range(0, self.size, CHUNK):
            rows = slice(start, start + CHUNK)
            raw = self.features[rows].astype("float32")
            features[rows] = keras.ops.convert_to_numpy(layer(raw))
        return ArraySplit(features, self.labels)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """One pass in the fixed order."""
        # No gather and no reading ahead: setting those up costs each validation 20 ms.
        return tf.data.Dataset.from_tensor_slices(self._tensors).batch(batch_size)

    def epoch(self, number: tf.Tensor, batch_size: int, *, seed: int) -> tf.data.Dataset:
        """One pass in the random order that belongs to `seed` and `number`."""
        key = tf.stack([tf.constant(seed, tf.int64), number])
        order = tf.argsort(tf.random.stateless_uniform([self.size], key, dtype=tf.float64))
        features, labels = self._tensors

        def batch(start):
            rows = order[start : start + batch_size]
            return tf.gather(features, rows), tf.gather(labels, rows)

        return tf.data.Dataset.range(0, self.size, batch_size).map(batch)

    @cached_property
    def _tensors(self) -> tuple[tf.Tensor, tf.Tensor]:
        # Out of the function being traced, which would otherwise store the arrays as its constants,
        # and on the CPU, where tf.data reads them.
        with tf.init_scope(), tf.device("CPU:0"):
            features = tf.convert_to_tensor(self.features.astype("float32", copy=False))
            return features, tf.convert_to_tensor(self.labels)
