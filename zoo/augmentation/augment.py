"""`augment`: apply an augmentation to the batches of tf.data, repeatably."""

from typing import Any

import keras

from .augmentation import Augmentation


def augment(dataset: Any, layer: Augmentation, *, seed: int, start: int = 0) -> Any:
    """Augment the batches of a `tf.data.Dataset`, with draws that depend on the seed alone.

    The draws of a batch depend on `seed` and the number of the batch. With `dataset.map(layer)`,
    parallel calls would read the layer's counter in any order, sometimes the same value twice. On
    TensorFlow the layer runs in a parallel map, on JAX in a compiled function.

    Batches are numbered from `start` in each pass over the dataset. So repeat first, or each epoch
    gets the same augmented samples: `augment(dataset.repeat(), layer, seed=0)`.

    Args:
        dataset: Batches `(x, y)` or `(x, y, sample_weight)`; the weights are kept.
        layer: An augmentation of `(x, y)` if it takes labels, else of x.
        seed: The integer seed of all draws.
        start: The number of the first batch, to resume an interrupted training.

    Returns:
        A dataset of batches in the same order.

    Raises:
        ValueError: If the elements of the dataset have another form.
        RuntimeError: If Keras runs on another backend than TensorFlow and JAX.

    Example:

    >>> import numpy as np, tensorflow as tf
    >>> from occam.zoo.augmentation import FeatureNoise
    >>> batches = tf.data.Dataset.from_tensor_slices((np.zeros((6, 2)), np.zeros(6))).batch(2)
    >>> noisy = augment(batches.repeat(2), FeatureNoise(1.0), seed=3)
    >>> all(np.array_equal(a[0], b[0]) for a, b in zip(noisy, noisy))
    True
    """
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise RuntimeError(
            f"`augment` needs Keras on TensorFlow or JAX, but KERAS_BACKEND is {backend!r}."
        )
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or not 2 <= len(spec) <= 3:
        raise ValueError(
            "`dataset` must have batches (x, y) or (x, y, sample_weight). "
            f"Received: elements {spec}"
        )
    features, labels = spec[:2]
    layer.check_inputs((features, labels) if layer.takes_labels else features)
    return (_mapped if backend == "tensorflow" else _generated)(dataset, layer, seed, start)


def _mapped(dataset: Any, layer: Augmentation, seed: int, start: int) -> Any:
    import tensorflow as tf

    def apply(number, batch):
        x, y, *weights = batch
        key = tf.stack([tf.constant(seed, tf.int64), number])
        return (*_apply(layer, x, y, seed=key), *weights)

    return dataset.enumerate(start).map(apply, tf.data.AUTOTUNE, deterministic=True)


def _generated(dataset: Any, layer: Augmentation, seed: int, start: int) -> Any:
    import jax
    import numpy as np
    import tensorflow as tf

    @jax.jit
    def apply(values, x, y, key):
        # Strengths are arguments: changes of a constant would be ignored.
        with keras.StatelessScope(list(zip(layer.variables, values, strict=True))):
            return _apply(layer, x, y, seed=key)

    def batches():
        for number, (x, y, *weights) in enumerate(dataset.as_numpy_iterator(), start):
            values = [v.value for v in layer.variables]
            yield (*apply(values, x, y, np.array([seed, number], "uint32")), *weights)

    features, labels, *weights = dataset.element_spec
    if layer.takes_labels:
        labels = tf.TensorSpec((None, None), tf.float32)
    signature = (tf.TensorSpec(features.shape, features.dtype), labels, *weights)
    augmented = tf.data.Dataset.from_generator(batches, output_signature=signature)
    count = tf.data.experimental.cardinality(dataset)
    return augmented.apply(tf.data.experimental.assert_cardinality(count))


def _apply(layer: Augmentation, x: Any, y: Any, *, seed: Any) -> Any:
    if layer.takes_labels:
        return layer((x, y), training=True, seed=seed)
    return layer(x, training=True, seed=seed), y
