"""`DropBlock`: whole patches of a feature map dropped, at a rate that can be changed."""

from typing import Any

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .data_format import data_format_of
from .seeds import seed_generator

__all__ = ["DropBlock"]


@keras.saving.register_keras_serializable(package="occam")
class DropBlock(keras.layers.Layer):
    """Drops blocks of neighbouring values in training; exactly the identity otherwise.

        y = x * m * count(m) / sum(m)

    `m` is 0 in blocks of `block_size` steps, or `block_size` by `block_size` pixels, at random
    places, for each sample and channel by itself. Each place is the corner of a block with

        gamma = 1 - (1 - rate)^(1 / block_size^d),    d = 1 for series, 2 for images,

    and corners may lie outside by up to a block, whose part inside is dropped then. So every value
    is covered by exactly `block_size^d` corners and dropped with probability `rate`, for any height
    and width. (The reference's gamma leaves out that blocks overlap, and its blocks lie inside, so
    that the fraction comes out below the rate and lower at the borders.) The reference raises the
    rate from 0 during training: assign `rate` from a callback.

    Args:
        rate: fraction of the values to drop, in [0, 1); assignable at any time.
        block_size: length of a block's sides in steps or pixels, 1 or more; 1 is plain dropout.
        seed: integer seed of the masks, mixed with the layer's name; `None` draws one.
        data_format: "channels_last" or "channels_first"; by default Keras' setting, also for
            series, as in `keras.layers.Conv1D`.

    Shapes: `(batch, steps, channels)` or `(batch, height, width, channels)`, unchanged. With
    "channels_first", `(batch, channels, ...)`.

    Raises:
        ValueError: `rate` is not in [0, 1), `block_size` is no integer >= 1, `data_format` is
            another word, or the input's rank is neither 3 nor 4.

    Example:

    >>> import numpy as np
    >>> layer = DropBlock(0.1, block_size=5, seed=1)
    >>> layer(np.ones((2, 32, 24, 8)), training=True).shape == (2, 32, 24, 8)
    True

    Reference: Ghiasi, Lin & Le, DropBlock: A Regularization Method for Convolutional Networks,
    2018, https://arxiv.org/abs/1810.12890
    """

    rate = LiveScalar("[0, 1)")

    def __init__(self, rate, block_size=7, seed=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(block_size, int) or isinstance(block_size, bool) or block_size < 1:
            raise ValueError(
                "DropBlock: `block_size` must be an integer >= 1. "
                f"Received: block_size={block_size!r}"
            )
        self.rate = rate
        self.block_size = block_size
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)
        self.data_format = data_format_of(self, data_format)
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) not in (3, 4):
            raise ValueError(
                "DropBlock expects (batch, steps, channels) or (batch, height, width, channels). "
                f"Received shape: {tuple(input_shape)}"
            )

    def call(self, inputs, training=False):
        if not training:
            return inputs
        first = self.data_format == "channels_first"
        shape: Any = ops.shape(inputs)
        kept = 1.0 - self._blocks((shape[0], *shape[2:], shape[1]) if first else shape)
        if first:
            kept = ops.moveaxis(kept, -1, 1)
        share = ops.maximum(ops.mean(kept), keras.config.epsilon())  # nothing kept: y = 0, not NaN
        return inputs * ops.cast(kept / share, inputs.dtype)

    def _blocks(self, shape):
        """1 where a value is dropped, in the shape `(batch, ..., channels)`."""
        batch, *sides, channels = shape
        margin = self.block_size - 1
        corners = (batch, *(side + margin for side in sides), channels)
        uniform = keras.random.uniform(corners, dtype="float32", seed=self.seed_generator)
        blocks = ops.cast(uniform < self._gamma(len(sides)), "float32")
        for axis in range(len(sides)):  # a maximum over a square, one side after the other
            window = tuple(self.block_size if a == axis else 1 for a in range(len(sides)))
            blocks = ops.max_pool(blocks, window, strides=1, data_format="channels_last")
        return blocks

    def _gamma(self, sides):
        return -ops.expm1(ops.log1p(-self._rate) / self.block_size**sides)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "block_size": self.block_size,
            "seed": self.seed,
            "data_format": self.data_format,
        }
