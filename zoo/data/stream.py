"""A split that is read from disk again in each pass."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf

from .split import in_fixed_order

__all__ = ["StreamSplit"]


@dataclass(frozen=True, eq=False)
class StreamSplit:
    """A `Split` that holds no example, only the labels.

    What is stored (a file name, an encoded image) is chosen and shuffled before it is decoded, so
    that a subset does not pay for the examples that it leaves out, nor the shuffle buffer for
    pixels.

    Args:
        stored: the examples as stored, in a fixed order, without labels.
        labels: the classes in the same order, `(size,)` int32.
        input_shape: the shape of a decoded example.
        decode: from a stored example to the decoded one.
        shuffle_buffer: stored examples to hold while shuffling; exact from `size` on.
        layer: applied to batches of decoded examples, if given.
    """

    stored: tf.data.Dataset
    labels: np.ndarray
    input_shape: tuple[int, ...]
    decode: Callable[[tf.Tensor], tf.Tensor]
    shuffle_buffer: int
    layer: keras.layers.Normalization | None = None
    in_memory = False

    @property
    def size(self) -> int:
        """The number of examples."""
        return len(self.labels)

    def subset(self, mask: np.ndarray) -> "StreamSplit":
        """The examples where `mask` is true, in their order."""
        keep = tf.data.Dataset.from_tensor_slices(mask)
        chosen = tf.data.Dataset.zip(self.stored, keep).filter(lambda *pair: pair[1])
        stored = chosen.map(lambda *pair: pair[0])
        return replace(self, stored=stored, labels=self.labels[mask])

    def standardized(self, layer: keras.layers.Normalization) -> "StreamSplit":
        """The same examples after `layer`, applied as they are read."""
        return replace(self, layer=layer)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """One pass in the fixed order."""
        return in_fixed_order(self._decoded(self._labelled(), batch_size))

    def epoch(self, number: tf.Tensor, batch_size: int, *, seed: int) -> tf.data.Dataset:
        """One pass in the random order that belongs to `seed` and `number`."""
        # In the function that is being traced here, and in it alone: `shuffle` would otherwise
        # mix the global seed into its own. (With 0, TensorFlow would ask whether a tensor is 0.)
        tf.random.set_seed(1)
        key = tf.stack([tf.constant(seed, tf.int64), number])
        draw = tf.random.stateless_uniform([], key, 0, tf.int64.max, tf.int64)
        shuffled = self._labelled().shuffle(self.shuffle_buffer, draw)  # pyright: ignore[reportArgumentType]
        return self._decoded(shuffled, batch_size)

    def _labelled(self) -> tf.data.Dataset:
        return tf.data.Dataset.zip(self.stored, tf.data.Dataset.from_tensor_slices(self.labels))

    def _decoded(self, labelled: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
        def decode(stored, label):
            features = tf.ensure_shape(self.decode(stored), self.input_shape)
            return tf.cast(features, tf.float32), label

        batches = labelled.map(decode, tf.data.AUTOTUNE).batch(batch_size)
        layer = self.layer
        if layer is None:
            return batches
        return batches.map(lambda features, labels: (layer(features), labels))
