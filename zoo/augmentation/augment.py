"""`augment`: a layer in a parallel tf.data map whose result depends on the seed alone."""

from typing import Any

import keras

from .augmentation import Augmentation
from .mixing import Mixing

__all__ = ["augment"]


def augment(dataset: Any, layer: Augmentation, *, seed: int, start: int = 0) -> Any:
    """Augments the batches of a `tf.data.Dataset`, in parallel and repeatably.

    `dataset.map(layer)` draws from the layer's counter, a variable: with parallel calls, the order
    in which batches reach it is the scheduler's, and two may read it before one writes it (of 200
    batches, 23 were augmented like another). Here the
    draws of a batch are derived from `seed` and the batch's number, and from nothing else.

    Numbers start anew with each pass. Repeat first and augment then, or every epoch sees the same
    augmented samples: `augment(dataset.repeat(), layer, seed=0)`.

    Args:
        dataset: batches `(x, y)`.
        layer: an augmentation; one that mixes gets `(x, y)`, any other x.
        seed: of all draws.
        start: number of the first batch; where a resumed training goes on, so do the draws.

    Returns:
        A dataset of batches in the same order.

    Raises:
        RuntimeError: Keras does not run on TensorFlow, so its layers do not run in tf.data.

    Example:

    >>> import numpy as np, tensorflow as tf
    >>> from occam.zoo.augmentation import FeatureNoise
    >>> batches = tf.data.Dataset.from_tensor_slices((np.zeros((6, 2)), np.zeros(6))).batch(2)
    >>> noisy = augment(batches.repeat(2), FeatureNoise(1.0), seed=3)
    >>> all(np.array_equal(a[0], b[0]) for a, b in zip(noisy, noisy))
    True
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            "augment runs Keras layers in tf.data, for which Keras must run on TensorFlow. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}. Put the layer into the model."
        )
    import tensorflow as tf

    def apply(number, batch):
        key = tf.stack([tf.constant(seed, tf.int64), number])
        x, y = batch
        if isinstance(layer, Mixing):
            return layer((x, y), training=True, seed=key)
        return layer(x, training=True, seed=key), y

    return dataset.enumerate(start).map(apply, tf.data.AUTOTUNE, deterministic=True)
