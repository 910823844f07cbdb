"""`augment`: a layer over the batches of tf.data, whose result depends on the seed alone."""

from typing import Any

import keras

from .augmentation import Augmentation

__all__ = ["augment"]


def augment(dataset: Any, layer: Augmentation, *, seed: int, start: int = 0) -> Any:
    """Augments the batches of a `tf.data.Dataset`, repeatably.

    `dataset.map(layer)` draws from the layer's counter, a variable: with parallel calls, the order
    in which batches reach it is the scheduler's, and two may read it before one writes it (of 200
    batches, 23 were augmented like another). Here the draws of a batch are derived from `seed` and
    the batch's number, and from nothing else. On the TensorFlow backend the layer runs in a
    parallel map; on JAX, whose operations tf.data cannot hold, in a compiled function beside it.

    Numbers start anew with each pass. Repeat first and augment then, or every epoch sees the same
    augmented samples: `augment(dataset.repeat(), layer, seed=0)`.

    Args:
        dataset: batches `(x, y)`.
        layer: an augmentation; one that takes labels gets `(x, y)`, any other x.
        seed: of all draws.
        start: number of the first batch; where a resumed training goes on, so do the draws.

    Returns:
        A dataset of batches in the same order.

    Raises:
        ValueError: the dataset's elements are no pairs.
        RuntimeError: Keras runs on neither TensorFlow nor JAX.

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
            "augment runs Keras layers over tf.data, for which Keras must run on TensorFlow or "
            f"JAX. Received: KERAS_BACKEND={backend}"
        )
    if not isinstance(dataset.element_spec, tuple) or len(dataset.element_spec) != 2:
        raise ValueError(
            "augment takes a dataset of batches (x, y), without sample weights. "
            f"Received: {dataset.element_spec}"
        )
    features, labels = dataset.element_spec
    layer.check_inputs((features, labels) if layer.takes_labels else features)
    return (_mapped if backend == "tensorflow" else _generated)(dataset, layer, seed, start)


def _mapped(dataset: Any, layer: Augmentation, seed: int, start: int) -> Any:
    import tensorflow as tf

    def apply(number, batch):
        return _apply(layer, *batch, seed=tf.stack([tf.constant(seed, tf.int64), number]))

    return dataset.enumerate(start).map(apply, tf.data.AUTOTUNE, deterministic=True)


def _generated(dataset: Any, layer: Augmentation, seed: int, start: int) -> Any:
    import jax
    import numpy as np
    import tensorflow as tf

    @jax.jit
    def apply(values, x, y, key):
        scope = keras.StatelessScope(list(zip(layer.variables, values, strict=True)))
        with scope:  # strengths are arguments: compiled in, a changed one would be ignored
            return _apply(layer, x, y, seed=key)

    def batches():
        for number, (x, y) in enumerate(dataset.as_numpy_iterator(), start):
            values = [v.value for v in layer.variables]
            yield apply(values, x, y, np.array([seed, number], "uint32"))

    features, labels = dataset.element_spec
    if layer.takes_labels:
        labels = tf.TensorSpec((None, None), tf.float32)
    signature = (tf.TensorSpec(features.shape, features.dtype), labels)
    augmented = tf.data.Dataset.from_generator(batches, output_signature=signature)
    count = tf.data.experimental.cardinality(dataset)
    return augmented.apply(tf.data.experimental.assert_cardinality(count))


def _apply(layer: Augmentation, x: Any, y: Any, *, seed: Any) -> Any:
    if layer.takes_labels:
        return layer((x, y), training=True, seed=seed)
    return layer(x, training=True, seed=seed), y
