"""One part of a data set, held in memory or streamed from disk."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

MEMORY_LIMIT = 2**30  # bytes of one part as float32; a larger part is streamed
_STANDARDIZED_AT_ONCE = 4096  # examples; bounds the memory of the float32 copies
_DECODED_AT_ONCE = 256  # examples


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """A part whose examples are arrays in memory.

    Every `tf.data.Dataset` of a part holds batches: features `(batch, *input_shape)` float32 and
    labels `(batch,)` int32; the last may be smaller. Here, an epoch is one permutation and a batch
    one gather, so a step costs tf.data one element instead of `batch_size`.

    Args:
        features: The examples, `(size, *input_shape)`, of any real numeric type.
        labels: The classes, `(size,)` or `(size, 1)` int32, from 0 to the number of classes - 1.
    """

    features: np.ndarray
    labels: np.ndarray
    in_memory = True

    def __post_init__(self):
        if self.labels.shape == (len(self.features), 1):
            object.__setattr__(self, "labels", self.labels[:, 0])
        if self.labels.shape != (len(self.features),):
            raise ValueError(
                f"`labels` must have shape ({len(self.features)},), one for each example. "
                f"Received: labels.shape={self.labels.shape}"
            )

    @property
    def size(self) -> int:
        return len(self.labels)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.features.shape[1:]

    def subset(self, mask: np.ndarray) -> "ArraySplit":
        """Return the examples where `mask`, `(size,)` bool, is true, in their order."""
        return ArraySplit(self.features[mask], self.labels[mask])

    def standardized(self, layer: keras.layers.Normalization) -> "ArraySplit":
        """Return the examples after `layer`, as float32."""
        features = np.empty(self.features.shape, "float32")
        for start in range(0, self.size, _STANDARDIZED_AT_ONCE):
            rows = slice(start, start + _STANDARDIZED_AT_ONCE)
            raw = self.features[rows].astype("float32")
            features[rows] = keras.ops.convert_to_numpy(layer(raw))
        return ArraySplit(features, self.labels)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return one pass in the fixed order."""
        # No gather and no prefetch: setting those up costs each validation 20 ms.
        return tf.data.Dataset.from_tensor_slices(self._tensors).batch(batch_size)

    def epoch(self, number: tf.Tensor, batch_size: int, *, seed: int) -> tf.data.Dataset:
        """Return epoch `number` (scalar int64), in a random order that depends on it and `seed`."""
        key = tf.stack([tf.constant(seed, tf.int64), number])
        order = tf.argsort(tf.random.stateless_uniform([self.size], key, dtype=tf.float64))
        features, labels = self._tensors

        def batch(start):
            rows = order[start : start + batch_size]
            return tf.gather(features, rows), tf.gather(labels, rows)

        return tf.data.Dataset.range(0, self.size, batch_size).map(batch)

    @cached_property
    def _tensors(self) -> tuple[tf.Tensor, tf.Tensor]:
        # Outside the function being traced, which would store the arrays as its constants, and on
        # the CPU, where tf.data reads them.
        with tf.init_scope(), tf.device("CPU:0"):
            features = tf.convert_to_tensor(self.features.astype("float32", copy=False))
            return features, tf.convert_to_tensor(self.labels)


@dataclass(frozen=True, eq=False)
class StreamSplit:
    """A part that holds only its labels and reads the examples from disk in each pass.

    Examples are selected and shuffled as stored (file names, encoded images) and decoded last: a
    subset decodes only its own examples, and the shuffle buffer holds no pixels.

    Args:
        stored: The examples as stored, in a fixed order, without labels.
        labels: The classes in the same order, `(size,)` int32.
        input_shape: The shape of a decoded example.
        decode: Function from a stored example to the decoded one.
        shuffle_buffer: The number of stored examples to shuffle at once; uniform from `size` on.
        layer: Layer applied to batches of decoded examples, if any.
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
        return len(self.labels)

    def subset(self, mask: np.ndarray) -> "StreamSplit":
        """Return the examples where `mask`, `(size,)` bool, is true, in their order."""
        keep = tf.data.Dataset.from_tensor_slices(mask)
        chosen = tf.data.Dataset.zip(self.stored, keep).filter(lambda *pair: pair[1])
        stored = chosen.map(lambda *pair: pair[0])
        return replace(self, stored=stored, labels=self.labels[mask])

    def standardized(self, layer: keras.layers.Normalization) -> "StreamSplit":
        """Return the examples with `layer` applied as they are read."""
        return replace(self, layer=layer)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return one pass in the fixed order."""
        return in_fixed_order(self._decoded(self._labelled(), batch_size))

    def epoch(self, number: tf.Tensor, batch_size: int, *, seed: int) -> tf.data.Dataset:
        """Return epoch `number` (scalar int64), in a random order that depends on it and `seed`."""
        # In the function being traced here, and only there: `shuffle` would otherwise mix the
        # global seed into its own. (With 0, TensorFlow would ask whether a tensor is 0.)
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


Split = ArraySplit | StreamSplit


def fits_in_memory(size: int, shape: tuple[int, ...]) -> bool:
    """Return whether `size` examples of `shape` take at most `MEMORY_LIMIT` bytes as float32."""
    return 4 * size * math.prod(shape) <= MEMORY_LIMIT


def in_memory_if_it_fits(stream: StreamSplit) -> Split:
    """Return the examples of `stream` as arrays of their decoded type, or `stream` itself."""
    if not fits_in_memory(stream.size, stream.input_shape):
        return stream
    batches = stream.stored.map(stream.decode).batch(_DECODED_AT_ONCE).as_numpy_iterator()
    return ArraySplit(np.concatenate(list(batches)), stream.labels)


def endless(epoch: Callable[[tf.Tensor], tf.data.Dataset], first_epoch: int) -> tf.data.Dataset:
    """Chain `epoch(first_epoch)`, `epoch(first_epoch + 1)`, ... without end.

    `epoch` is a function from the number of a pass, a scalar int64 tensor, to its batches.
    """
    passes = tf.data.Dataset.counter(first_epoch).flat_map(epoch)
    unbounded = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    return in_fixed_order(passes.apply(unbounded))


def one_epoch(epoch: Callable[[tf.Tensor], tf.data.Dataset], steps: int) -> tf.data.Dataset:
    """Return `epoch(0)` (`steps` batches) at the first iteration, `epoch(1)` at the second, ..."""
    # Not `shuffle(reshuffle_each_iteration=True)`: the global seed changes its order.
    finished = tf.Variable(tf.constant(-1, tf.int64), trainable=False)
    number = tf.data.Dataset.range(1).map(lambda _: finished.assign_add(1))
    bounded = tf.data.experimental.assert_cardinality(steps)
    return in_fixed_order(number.flat_map(epoch).apply(bounded))


def in_fixed_order(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Prefetch without ever trading the order of the batches for speed."""
    options = tf.data.Options()
    options.deterministic = True
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)
