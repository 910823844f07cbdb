"""Work on some samples of a batch only."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

__all__ = ["on_rows"]


def on_rows(function: Callable, mask: Any, images: Any, *parameters: Any) -> Any:
    """Replaces the images where `mask` is true by `function(images, *parameters)`.

    On TensorFlow, the others cost nothing: theirs is not computed. Where shapes must be known when
    a function is compiled, as on JAX, all are computed and the others thrown away.

    Args:
        function: from images and parameters to images, sample by sample.
        mask: booleans `(batch,)`.
        images: `(batch, height, width, channels)`.
        parameters: tensors, their samples along the first axis.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.where(mask[:, None, None, None], function(images, *parameters), images)
    import tensorflow as tf

    rows = tf.where(mask)

    def changed():
        chosen = (tf.gather(tensor, rows[:, 0]) for tensor in (images, *parameters))
        return tf.tensor_scatter_nd_update(images, rows, function(*chosen))

    # Several operations of Keras fail for an empty batch.
    return tf.cond(tf.shape(rows)[0] > 0, changed, lambda: tf.identity(images))
