"""One part of a data set, held in memory or streamed from disk."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

MEMORY_LIMIT = 2**30  # bytes of one part as float32; a larger part is streamed
_STANDARDIZED_AT_ONCE = 256  # examples; bounds the memory of the layer, 84 copies of a series
_DECODED_AT_ONCE = 256  # examples


Tree = Any  # an array, or a nested dict, list or tuple of arrays


def arguments_of(self: Any) -> dict[str, Any]:
    """Return the arguments of a dataclass, as its method `__getstate__`.

    A copy in another process computes its cached properties anew: datasets cannot be pickled.
    """
    return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """A part whose examples are arrays in memory.

    Every `tf.data.Dataset` of a part holds batches `(x, y)`, or `(x, y, sample_weight)` if the part
    has weights; the last may be smaller. Numeric features are float32. Here, an epoch is one
    permutation and a batch one gather, so a step costs tf.data one element instead of `batch_size`.

    Args:
        features: An array `(size, *input_shape)` of real numbers or strings, or arrays by name.
        targets: The encoded targets, `(size, ...)`; nested for a model with several outputs.
        weights: The sample weights `(size,)` float32, or `None`.
        keys: The group or the time `(size,)` of each example, by which parts are held out.
    """

    features: Tree
    targets: Tree
    weights: np.ndarray | None = None
    keys: np.ndarray | None = None
    in_memory = True

    __getstate__ = arguments_of

    def __post_init__(self):
        for name in ("features", "targets", "weights"):
            arrays: Any = keras.tree.flatten(getattr(self, name))
            for array in arrays:
                if array is not None and len(array) != self.size:
                    raise ValueError(
                        f"`{name}` must have {self.size} rows, like the features. "
                        f"Received: {name}.shape={array.shape}"
                    )

    @property
    def size(self) -> int:
        return len(keras.tree.flatten(self.features)[0])

    @property
    def input_shape(self) -> Any:
        return keras.tree.map_structure(lambda array: array.shape[1:], self.features)

    def subset(self, mask: np.ndarray) -> "ArraySplit":
        """Return the examples where `mask`, `(size,)` bool, is true, in their order."""
        keys = None if self.keys is None else self.keys[mask]
        return ArraySplit(*self._map(lambda array: array[mask]), keys=keys)

    def joined(self, other: "ArraySplit") -> "ArraySplit":
        """Return the examples of this part, then those of another."""

        def join(*pair: Any) -> np.ndarray:
            return np.concatenate(pair)

        arrays: Any = keras.tree.map_structure(join, self._map(np.asarray), other._map(np.asarray))
        known = self.keys is not None and other.keys is not None
        return ArraySplit(*arrays, keys=join(self.keys, other.keys) if known else None)

    def standardized(self, layer: keras.layers.Layer) -> "ArraySplit":
        """Return the examples after `layer`, as float32; after an `Identity`, as they are."""
        if isinstance(layer, keras.layers.Identity):
            return self
        chunks = []
        for start in range(0, self.size, _STANDARDIZED_AT_ONCE):
            rows = slice(start, start + _STANDARDIZED_AT_ONCE)
            raw = keras.tree.map_structure(lambda array: as_tensor(array[rows]), self.features)  # noqa: B023
            chunks.append(keras.tree.map_structure(_to_numpy, layer(raw)))
        features = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *chunks)
        return replace(self, features=features)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return one pass in the fixed order."""
        # No gather and no prefetch: setting those up costs each validation 20 ms.
        return tf.data.Dataset.from_tensor_slices(self._tensors).batch(batch_size)

    def epochs(self, first_epoch: int, batch_size: int, *, seed: int) -> tf.data.Dataset:
        """Return the batches from epoch `first_epoch` on, without end."""
        return endless(lambda number: self.epoch(number, batch_size, seed=seed), first_epoch)

    def epoch(self, number: tf.Tensor, batch_size: int, *, seed: int) -> tf.data.Dataset:
        """Return epoch `number` (scalar int64), in a random order that depends on it and `seed`."""
        key = tf.stack([tf.constant(seed, tf.int64), number])
        order = tf.argsort(tf.random.stateless_uniform([self.size], key, dtype=tf.float64))
        tensors = self._tensors

        def batch(start):
            rows = order[start : start + batch_size]
            return tf.nest.map_structure(lambda tensor: tf.gather(tensor, rows), tensors)

        return tf.data.Dataset.range(0, self.size, batch_size).map(batch)

    @cached_property
    def _tensors(self) -> tuple[Any, ...]:
        # Outside the function being traced, which would store the arrays as its constants, and on
        # the CPU, where tf.data reads them.
        with tf.init_scope(), tf.device("CPU:0"):
            features = keras.tree.map_structure(as_tensor, self.features)
            others: Any = keras.tree.map_structure(tf.convert_to_tensor, self._map(np.asarray)[1:])
        return (features, *others)

    def _map(self, function: Callable[[np.ndarray], Any]) -> tuple[Any, ...]:
        """Apply a function to all arrays; return features, targets and, if any, weights."""
        parts = (self.features, self.targets, self.weights)[: 2 if self.weights is None else 3]
        return tuple(keras.tree.map_structure(function, part) for part in parts)


def as_tensor(array: np.ndarray) -> tf.Tensor:
    """Return raw features as a tensor: strings as they are, numbers as float32."""
    if array.dtype.kind in "OUS":
        return tf.convert_to_tensor(array.astype(object))
    return tf.convert_to_tensor(array.astype("float32", copy=False))


def _to_numpy(tensor: Any) -> Any:
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


@dataclass(frozen=True, eq=False)
class StreamSplit:
    """A part that holds only its targets and reads the examples from disk in each pass.

    Examples are selected and shuffled as stored (file names, encoded images) and decoded last: a
    subset decodes only its own examples, and the shuffle buffer holds no pixels.

    Args:
        stored: The examples as stored, in a fixed order, without targets.
        targets: The encoded targets in the same order, `(size, ...)`.
        input_shape: The shape of a decoded example.
        decode: Function from a stored example to the decoded one.
        shuffle_buffer: The number of stored examples to shuffle at once; uniform from `size` on.
        layer: Layer applied to batches of decoded examples, if any.
    """

    stored: tf.data.Dataset
    targets: np.ndarray
    input_shape: tuple[int, ...]
    decode: Callable[[tf.Tensor], tf.Tensor]
    shuffle_buffer: int
    layer: keras.layers.Layer | None = None
    weights = None
    in_memory = False

    @property
    def size(self) -> int:
        return len(self.targets)

    def subset(self, mask: np.ndarray) -> "StreamSplit":
        """Return the examples where `mask`, `(size,)` bool, is true, in their order."""
        keep = tf.data.Dataset.from_tensor_slices(mask)
        chosen = tf.data.Dataset.zip(self.stored, keep).filter(lambda *pair: pair[1])
        stored = chosen.map(lambda *pair: pair[0])
        return replace(self, stored=stored, targets=self.targets[mask])

    def standardized(self, layer: keras.layers.Layer) -> "StreamSplit":
        """Return the examples with `layer` applied as they are read."""
        return replace(self, layer=layer)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return one pass in the fixed order."""
        return in_fixed_order(self._decoded(self._with_targets(), batch_size))

    def epochs(self, first_epoch: int, batch_size: int, *, seed: int) -> tf.data.Dataset:
        """Return the batches from epoch `first_epoch` on, without end."""
        return endless(lambda number: self.epoch(number, batch_size, seed=seed), first_epoch)

    def epoch(self, number: tf.Tensor, batch_size: int, *, seed: int) -> tf.data.Dataset:
        """Return epoch `number` (scalar int64), in a random order that depends on it and `seed`."""
        # In the function being traced here, and only there: `shuffle` would otherwise mix the
        # global seed into its own. (With 0, TensorFlow would ask whether a tensor is 0.)
        tf.random.set_seed(1)
        key = tf.stack([tf.constant(seed, tf.int64), number])
        draw = tf.random.stateless_uniform([], key, 0, tf.int64.max, tf.int64)
        shuffled = self._with_targets().shuffle(self.shuffle_buffer, draw)  # pyright: ignore[reportArgumentType]
        return self._decoded(shuffled, batch_size)

    def _with_targets(self) -> tf.data.Dataset:
        return tf.data.Dataset.zip(self.stored, tf.data.Dataset.from_tensor_slices(self.targets))

    def _decoded(self, pairs: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
        def decode(stored, target):
            features = tf.ensure_shape(self.decode(stored), self.input_shape)
            return tf.cast(features, tf.float32), target

        batches = pairs.map(decode, tf.data.AUTOTUNE).batch(batch_size)
        layer = self.layer
        if layer is None:
            return batches
        return batches.map(lambda features, targets: (layer(features), targets))


@dataclass(frozen=True, eq=False)
class DatasetSplit:
    """A part given as a `tf.data.Dataset` of batches, in the order that it has.

    Args:
        dataset: Batches `(x, y)` or `(x, y, sample_weight)`, with encoded targets.
        steps: The number of batches in an epoch.
        targets: The encoded targets of one epoch.
        weights: The sample weights `(size,)` of one epoch, or `None`.
        layer: Layer applied to the features, if any.
    """

    dataset: tf.data.Dataset
    steps: int
    targets: Tree
    weights: np.ndarray | None = None
    layer: keras.layers.Layer | None = None
    in_memory = False

    @property
    def size(self) -> int:
        return len(keras.tree.flatten(self.targets)[0])

    @property
    def input_shape(self) -> Any:
        specs: Any = self.dataset.element_spec
        return tf.nest.map_structure(lambda spec: tuple(spec.shape[1:]), specs[0])

    def standardized(self, layer: keras.layers.Layer) -> "DatasetSplit":
        """Return the examples with `layer` applied as they are read."""
        return self if isinstance(layer, keras.layers.Identity) else replace(self, layer=layer)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """Return one pass; the batches are as large as in the dataset."""
        whole = int(self.dataset.cardinality()) == self.steps
        # A `take` stops before the end of the dataset, which a PyDataset is told.
        return in_fixed_order(self._read(self.dataset if whole else self.dataset.take(self.steps)))

    def epochs(self, first_epoch: int, batch_size: int, *, seed: int) -> tf.data.Dataset:
        """Return the batches from epoch `first_epoch` on, without end."""
        batches = self.dataset.repeat().skip(first_epoch * self.steps)
        return in_fixed_order(self._read(batches).apply(_unbounded))

    def _read(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        def read(x, *others):
            x = tf.nest.map_structure(_float32, x)
            return (x if self.layer is None else self.layer(x), *others)

        return batches.map(read, tf.data.AUTOTUNE)


def _float32(tensor: tf.Tensor) -> tf.Tensor:
    return tensor if tensor.dtype == tf.string else tf.cast(tensor, tf.float32)


Split = ArraySplit | StreamSplit | DatasetSplit


def fits_in_memory(size: int, shape: tuple[int, ...]) -> bool:
    """Return whether `size` examples of `shape` take at most `MEMORY_LIMIT` bytes as float32."""
    return 4 * size * math.prod(shape) <= MEMORY_LIMIT


def in_memory_if_it_fits(stream: StreamSplit) -> Split:
    """Return the examples of `stream` as arrays of their decoded type, or `stream` itself."""
    if not fits_in_memory(stream.size, stream.input_shape):
        return stream
    batches = stream.stored.map(stream.decode).batch(_DECODED_AT_ONCE).as_numpy_iterator()
    return ArraySplit(np.concatenate(list(batches)), stream.targets)


def endless(epoch: Callable[[tf.Tensor], tf.data.Dataset], first_epoch: int) -> tf.data.Dataset:
    """Chain `epoch(first_epoch)`, `epoch(first_epoch + 1)`, ... without end.

    `epoch` is a function from the number of a pass, a scalar int64 tensor, to its batches.
    """
    return in_fixed_order(tf.data.Dataset.counter(first_epoch).flat_map(epoch).apply(_unbounded))


_unbounded = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)


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
